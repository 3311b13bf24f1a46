#!/usr/bin/zsh
# SPDX-License-Identifier: GPL-2.0
# complete.zsh SCRIPT LINE FOLDER LISTED: zsh completes only at a terminal. It gets one, and it ends when LISTED is read there.
zmodload zsh/zpty
mkdir -p $3/zsh; cp $1 $3/zsh/_orphanctl
zpty z zsh -f -i
zpty -w z "fpath=($3/zsh \$fpath); autoload -U compinit; compinit -u -D; bindkey '^I' list-choices; print REA''DY"
zpty -r z seen '*READY*'
zpty -n -w z $2$'\t'
zpty -r z seen "*$4*"
