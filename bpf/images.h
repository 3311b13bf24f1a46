/* SPDX-License-Identifier: GPL-2.0 */
/*
 * images.h - exec: a member gets its name, and a program that a rule may ask for becomes a root.
 */
#ifndef IMAGES_H
#define IMAGES_H

#define PATH_DEPTH 40 /* components and mounts */
#define PATH_ROOM 512 /* a longer path is told without its head, and matches no rule */

/* A path on its way: where the climb is, and what it has found, built from its end; room behind it
 * so that each read is within. */
struct walk {
	__u64 dentry, mount;
	__u32 at;
	char path[PATH_ROOM + 512];
};

/* Whose: a signal's programs may interrupt that of an exec. */
enum walker { WALK_EXEC, WALK_SIGNAL, WALKS };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WALKS);
	__type(key, __u32);
	__type(value, struct walk);
} walks SEC(".maps");

struct exec_scratch {
	struct record_exec record;
	struct prefix_key key;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct exec_scratch);
} exec_scratch SEC(".maps");

/* Set by the guard while there are rules: without any, nobody's path is read. */
bool rules_are_there = false;

static __always_inline struct mount *mount_of(struct vfsmount *mnt)
{
	return (void *)mnt - bpf_core_field_offset(struct mount, mnt);
}

/*
 * One step up: in front of what is there goes the name of this dentry, or the walk leaves its
 * mount. 0: that was the root. A global function with its state in a map: the verifier reads it
 * once, not for each of the steps and each of their outcomes.
 */
__noinline int climb(__u32 walker)
{
	struct walk *walk = bpf_map_lookup_elem(&walks, &walker);
	struct dentry *dentry, *parent;
	struct mount *mount, *outer;
	__u32 len, at;
	char *name;

	if (!walk)
		return 0;
	dentry = (void *)walk->dentry;
	mount = (void *)walk->mount;
	parent = BPF_CORE_READ(dentry, d_parent);
	if (dentry == BPF_CORE_READ(mount, mnt.mnt_root)) {
		outer = BPF_CORE_READ(mount, mnt_parent);
		walk->dentry = (__u64)BPF_CORE_READ(mount, mnt_mountpoint);
		walk->mount = (__u64)outer;
		return outer != mount;
	}
	len = BPF_CORE_READ(dentry, d_name.len) & 0xff;
	at = walk->at - len - 1;
	asm volatile("" : "+r"(at)); /* one register, so that the verifier sees it bounded */
	if (at >= PATH_ROOM)
		return 0;
	name = &walk->path[at];
	*name = '/';
	bpf_probe_read_kernel(name + 1, len, BPF_CORE_READ(dentry, d_name.name));
	walk->at = at;
	walk->dentry = (__u64)parent;
	return parent != dentry; /* of no tree: memfd and its kin */
}

/* The path from the root of the task's mount tree, as d_path() makes it; where it begins in
 * walk->path. bpf_d_path() is not for these hooks. */
static __always_inline __u32 read_path(struct walk *walk, __u32 walker, struct file *file)
{
	walk->dentry = (__u64)BPF_CORE_READ(file, f_path.dentry);
	walk->mount = (__u64)mount_of(BPF_CORE_READ(file, f_path.mnt));
	walk->at = PATH_ROOM;
	for (int i = 0; i < PATH_DEPTH; i++) {
		if (!climb(walker))
			break;
	}
	return walk->at;
}

static __always_inline void read_exe(struct image_value *image, struct task_struct *task,
				     __u32 walker)
{
	struct walk *walk = bpf_map_lookup_elem(&walks, &walker);
	__u32 at, len;

	if (!walk)
		return;
	at = read_path(walk, walker, BPF_CORE_READ(task, mm, exe_file));
	len = PATH_ROOM - at;
	if (at > PATH_ROOM)
		return;
	image->truncated = len > PATH_LEN - 1;
	if (len > PATH_LEN - 1)
		len = PATH_LEN - 1;
	walk->path[PATH_ROOM] = '\0';
	bpf_probe_read_kernel(image->exe, PATH_LEN - 1, &walk->path[at]);
	image->exe[PATH_LEN - 1] = '\0';
	image->exe_len = (__u16)len;
}

static __always_inline void read_args(struct image_value *image, struct task_struct *task)
{
	__u64 from = BPF_CORE_READ(task, mm, arg_start);
	__u64 len = BPF_CORE_READ(task, mm, arg_end) - from;

	if (len > ARGS_LEN) {
		image->truncated = 1;
		len = ARGS_LEN;
	}
	if (bpf_probe_read_user(image->args, (__u32)len, (const void *)from)) {
		count(COUNTER_ARGS_UNREAD);
		len = 0;
	}
	image->args_len = (__u16)len;
}

/* Of the running process. */
static __always_inline void read_image(struct image_value *image, struct task_struct *task)
{
	image->uid = BPF_CORE_READ(task, cred, uid.val);
	image->gid = BPF_CORE_READ(task, cred, gid.val);
	image->cgroup = bpf_get_current_cgroup_id();
	BPF_CORE_READ_STR_INTO(&image->comm, task, comm);
	read_args(image, task);
}

/* Whether a rule asks for programs whose path begins as this one's does. */
static __always_inline bool is_asked_for(struct exec_scratch *scratch)
{
	scratch->key.bits = (__u32)scratch->record.image.exe_len * 8;
	__builtin_memcpy(scratch->key.path, scratch->record.image.exe, PATH_LEN);
	return bpf_map_lookup_elem(&prefixes, &scratch->key) != NULL;
}

/* A root until the guard has matched it whole: whatever it forks from now on is followed, and its
 * death is kept. The image before the tree, the tree before the entry: whoever reads the maps finds
 * each with what explains it. A member becomes the root of a tree inside its own. */
static __always_inline bool make_root(struct exec_scratch *scratch, struct ident *who,
				      const struct member *member, bool reflex)
{
	struct record_exec *record = &scratch->record;
	struct tree_value tree = { .flags = TREE_PROVISIONAL | TREE_RULE };
	struct member entry = {};

	if (member) {
		entry = *member;
		entry.version++;
		tree.outer = entry.tree;
	} else {
		entry.parent = record->parent;
		entry.since = bpf_ktime_get_boot_ns();
	}
	entry.tree = *who;
	tree.since = bpf_ktime_get_boot_ns();
	bpf_map_update_elem(&images, who, &record->image, BPF_ANY);
	if (bpf_map_update_elem(&trees, who, &tree, BPF_NOEXIST))
		goto full;
	record->tree = *who;
	put_mark(who->pid, 1);
	if (bpf_map_update_elem(&members, who, &entry, member ? BPF_EXIST : BPF_NOEXIST) == 0) {
		if (reflex) {
			kin_place_tree(who, &tree.outer);
			kin_place_member(who, who);
		}
		return true;
	}
	bpf_map_delete_elem(&trees, who);
full:
	bpf_map_delete_elem(&images, who);
	count(COUNTER_TREES_FULL);
	return false;
}

static __always_inline void send_exec(struct record_exec *record, const struct ident *who)
{
	__u64 size = record->image.args_len;

	if (size > ARGS_LEN)
		return;
	size += offsetof(struct record_exec, image.args);
	count(COUNTER_EXECS);
	fill_head(&record->head, RECORD_EXEC, (__u32)size, who);
	emit(record, size, RECORD_EXEC, record->provisional ? NOW : SOON);
}

/* Which exec of a process was told, where two instances see each. Key: the process. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct ident);
	__type(value, __u64);
} execs_told SEC(".maps");

static __always_inline bool was_told(const struct ident *who, struct task_struct *task)
{
	__u64 exec = BPF_CORE_READ(task, self_exec_id);
	__u64 *told = bpf_map_lookup_elem(&execs_told, who);

	if (told && *told == exec)
		return true;
	bpf_map_update_elem(&execs_told, who, &exec, BPF_ANY);
	return false;
}

static __always_inline int name_exec(struct task_struct *task, bool reflex)
{
	struct ident who = ident_of(task);
	struct exec_scratch *scratch;
	struct member *member = member_of(&who);
	struct record_exec *record;
	__u32 zero = 0;
	bool root;

	if (!member && !rules_are_there)
		return 0;
	scratch = bpf_map_lookup_elem(&exec_scratch, &zero);
	if (!scratch)
		return 0;
	record = &scratch->record;
	record->provisional = 0;
	if (member)
		record->tree = member->tree;
	read_exe(&record->image, task, WALK_EXEC);
	root = member && bpf_map_lookup_elem(&trees, &who);
	if (rules_are_there)
		record->provisional = is_asked_for(scratch);
	if (!member && !record->provisional)
		return 0;
	if (attached_twice && was_told(&who, task))
		return 0;
	read_image(&record->image, task);
	record->parent = ident_of(task->group_leader->real_parent);
	read_vpid(task, &record->vpid, &record->pid_ns);
	if (root) /* perhaps one that the guard is letting go: it looks here whether that still
		     holds */
		bpf_map_update_elem(&images, &who, &record->image, BPF_ANY);
	else if (record->provisional)
		record->provisional = make_root(scratch, &who, member, reflex);
	if (!member && !record->provisional)
		return 0;
	send_exec(record, &who);
	return 0;
}

static __always_inline bool is_asked_about(struct task_struct *task)
{
	return rules_are_there || is_marked(task->tgid);
}

static __noinline int exec_alone(struct task_struct *task)
{
	return name_exec(task, false);
}

static __noinline int exec_with_kin(struct task_struct *task)
{
	return name_exec(task, true);
}

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task)
{
	return is_asked_about(task) ? exec_alone(task) : 0;
}

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(on_exec_again, struct task_struct *task)
{
	return is_asked_about(task) ? exec_alone(task) : 0;
}

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(kin_on_exec, struct task_struct *task)
{
	return is_asked_about(task) ? exec_with_kin(task) : 0;
}

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(kin_on_exec_again, struct task_struct *task)
{
	return is_asked_about(task) ? exec_with_kin(task) : 0;
}

#endif
