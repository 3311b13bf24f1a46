// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "model/rows.h"

struct string_field {
	uint16_t type;
	uint16_t offset;
	uint16_t size;
};

#define FIELD(type, record, field)                                                           \
	{                                                                                    \
		type, offsetof(struct record, field), sizeof(((struct record *)NULL)->field) \
	}
#define IMAGE_FIELDS(type, record)                                       \
	FIELD(type, record, image.comm), FIELD(type, record, image.exe), \
		FIELD(type, record, image.cgroup)

static const struct string_field string_fields[] = {
	FIELD(CONTROL_END, control_end, text),
	FIELD(CONTROL_HOST_ROW, control_host, machine_id),
	FIELD(CONTROL_HOST_ROW, control_host, boot_id),
	FIELD(CONTROL_HOST_ROW, control_host, name),
	FIELD(CONTROL_HOST_ROW, control_host, version),
	FIELD(CONTROL_TREE_ROW, control_tree_row, name),
	FIELD(CONTROL_TREE_ROW, control_tree_row, why),
	IMAGE_FIELDS(CONTROL_TREE_ROW, control_tree_row),
	IMAGE_FIELDS(CONTROL_PROC_ROW, control_proc_row),
	FIELD(CONTROL_EVENT_ROW, control_event_row, incident),
	FIELD(CONTROL_EVENT_ROW, control_event_row, name),
	IMAGE_FIELDS(CONTROL_EVENT_ROW, control_event_row),
	FIELD(CONTROL_INCIDENT_ROW, control_incident_row, id),
	FIELD(CONTROL_INCIDENT_ROW, control_incident_row, rule),
	FIELD(CONTROL_INCIDENT_ROW, control_incident_row, sender.comm),
	FIELD(CONTROL_INCIDENT_ROW, control_incident_row, sender_exe),
	IMAGE_FIELDS(CONTROL_INCIDENT_ROW, control_incident_row),
	FIELD(CONTROL_SURVIVOR_ROW, control_survivor_row, reason),
	FIELD(CONTROL_SURVIVOR_ROW, control_survivor_row, state),
	FIELD(CONTROL_SURVIVOR_ROW, control_survivor_row, stack),
	IMAGE_FIELDS(CONTROL_SURVIVOR_ROW, control_survivor_row),
	FIELD(CONTROL_DEATH_ROW, control_death_row, sender.comm),
	FIELD(CONTROL_DEATH_ROW, control_death_row, above),
	IMAGE_FIELDS(CONTROL_DEATH_ROW, control_death_row),
	FIELD(CONTROL_DEATH_ROW, control_death_row, sender_image.comm),
	FIELD(CONTROL_DEATH_ROW, control_death_row, sender_image.exe),
	FIELD(CONTROL_DEATH_ROW, control_death_row, sender_image.cgroup),
	FIELD(CONTROL_COUNTER_ROW, control_counter_row, name),
	FIELD(CONTROL_METRIC_ROW, control_metric_row, label[0]),
	FIELD(CONTROL_METRIC_ROW, control_metric_row, label[1]),
	FIELD(CONTROL_METRIC_ROW, control_metric_row, label[2]),
	FIELD(CONTROL_FINDING_ROW, control_finding_row, name),
	FIELD(CONTROL_FINDING_ROW, control_finding_row, text),
	FIELD(CONTROL_NOTE_ROW, control_note, text),
};

static size_t size_of(uint16_t type)
{
	switch (type) {
	case CONTROL_END:
		return sizeof(struct control_end);
	case CONTROL_HOST_ROW:
		return sizeof(struct control_host);
	case CONTROL_TREE_ROW:
		return sizeof(struct control_tree_row);
	case CONTROL_PROC_ROW:
		return sizeof(struct control_proc_row);
	case CONTROL_EVENT_ROW:
		return sizeof(struct control_event_row);
	case CONTROL_INCIDENT_ROW:
		return sizeof(struct control_incident_row);
	case CONTROL_SURVIVOR_ROW:
		return sizeof(struct control_survivor_row);
	case CONTROL_DEATH_ROW:
		return sizeof(struct control_death_row);
	case CONTROL_COUNTER_ROW:
		return sizeof(struct control_counter_row);
	case CONTROL_METRIC_ROW:
		return sizeof(struct control_metric_row);
	case CONTROL_HISTOGRAM_ROW:
		return sizeof(struct control_histogram_row);
	case CONTROL_FINDING_ROW:
		return sizeof(struct control_finding_row);
	case CONTROL_NOTE_ROW:
		return sizeof(struct control_note);
	default:
		return 0;
	}
}

static const struct control_image *image_of(const union row *record)
{
	switch (record->head.type) {
	case CONTROL_TREE_ROW:
		return &record->tree.image;
	case CONTROL_PROC_ROW:
		return &record->proc.image;
	case CONTROL_EVENT_ROW:
		return &record->event.image;
	case CONTROL_INCIDENT_ROW:
		return &record->incident.image;
	case CONTROL_SURVIVOR_ROW:
		return &record->survivor.image;
	case CONTROL_DEATH_ROW:
		return &record->death.image;
	default:
		return NULL;
	}
}

bool row__is_well_formed(const struct control_head *head, size_t size)
{
	const union row *record = (const union row *)head;
	const struct control_image *image;

	if (size != record->head.size || size != size_of(record->head.type))
		return false;
	for (size_t i = 0; i < sizeof(string_fields) / sizeof(*string_fields); i++) {
		const struct string_field *field = &string_fields[i];
		const char *text = (const char *)record + field->offset;

		if (field->type == record->head.type && !memchr(text, '\0', field->size))
			return false;
	}
	for (size_t i = 0; record->head.type == CONTROL_HISTOGRAM_ROW && i < HISTOGRAM_BUCKETS;
	     i++) {
		if (!memchr(record->histogram.histogram.exemplar[i].incident, '\0',
			    INCIDENT_ID_LEN))
			return false;
	}
	image = image_of(record);
	if (record->head.type == CONTROL_DEATH_ROW &&
	    record->death.sender_image.args_len > ARGS_LEN)
		return false;
	return !image || image->args_len <= ARGS_LEN;
}
