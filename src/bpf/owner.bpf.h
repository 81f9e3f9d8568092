// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Owners of sessions: describes a process, and weighs one kind of evidence against another. The kinds
 * are listed in tcplife.bpf.c.
 */
#ifndef TCPLIFE_OWNER_H
#define TCPLIFE_OWNER_H

#include "state.bpf.h"

/* Id of a process in one PID namespace. */
struct local_pid {
	__u64 ns;
	__u32 nr;
};

/* The entry for a depth in a struct pid, which must be at least that deep. */
static __always_inline void read_local_pid(struct local_pid *found, const struct pid *pid,
					   __u32 level)
{
	const void *first = __builtin_preserve_access_index(&pid->numbers[0]);
	const struct upid *entry = first + level * bpf_core_type_size(struct upid);

	bpf_core_read(&found->ns, sizeof(found->ns), &entry->ns);
	bpf_core_read(&found->nr, sizeof(found->nr), &entry->nr);
}

/* The id of a process in the reader's /proc; 0: it is not visible there. */
static __always_inline __u32 visible_pid(struct task_struct *task)
{
	struct task_struct *leader;
	struct local_pid found;
	struct pid *pid;

	if (!pid_level)
		return task->tgid;
	leader = BPF_CORE_READ(task, group_leader);
	pid = BPF_CORE_READ(leader, thread_pid);
	if (!pid || BPF_CORE_READ(pid, level) < pid_level)
		return 0;
	read_local_pid(&found, pid, pid_level);
	return found.ns == pid_ns ? found.nr : 0;
}

static __always_inline void read_name(__u8 comm[COMM_LEN], struct task_struct *task)
{
	struct task_struct *leader = task;

	if (task->pid != task->tgid)
		leader = BPF_CORE_READ(task, group_leader);
	bpf_probe_read_kernel(comm, COMM_LEN, leader->comm);
}

static __always_inline void describe(struct process *p, struct task_struct *task, __u8 evidence)
{
	p->pid = visible_pid(task);
	p->evidence = evidence;
	__builtin_memset(p->pad, 0, sizeof(p->pad));
	read_name(p->comm, task);
}

/* Gives the owner the name that it has now, and keeps its first one. */
static __always_inline void rename_owner(struct sock_state *st, struct sock *sk,
					 const __u8 comm[COMM_LEN])
{
	const __u64 *before = (const __u64 *)st->comm;
	const __u64 *now = (const __u64 *)comm;
	__u64 first[] = {before[0], before[1]}; /* Linux 6.1: no state of an iterator as a value */
	__u64 key = (__u64)sk;

	if (first[0] == now[0] && first[1] == now[1])
		return;
	if (!st->renamed && bpf_map_update_elem(&first_names, &key, first, 0) == 0)
		st->renamed = 1;
	__builtin_memcpy(st->comm, comm, sizeof(st->comm));
}

static __always_inline void set_owner(struct sock_state *st, struct sock *sk,
				      const struct process *p)
{
	if (st->pid && st->pid == p->pid) {
		rename_owner(st, sk, p->comm);
	} else {
		st->renamed = 0;
		__builtin_memcpy(st->comm, p->comm, sizeof(st->comm));
	}
	st->pid = p->pid;
	st->owner = p->evidence;
}

/* Makes the current task the owner if nothing better is known. */
static __always_inline void set_owner_task(struct sock_state *st, struct sock *sk, __u8 evidence)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct process now;

	if (task->flags & PF_KTHREAD) {
		if (evidence == OWNER_CLOSE || evidence == OWNER_WRITE)
			return;
		evidence = OWNER_KERNEL;
	}
	if (evidence == OWNER_CLOSE && task->pid == READ_ONCE(scanner_tid))
		return;
	describe(&now, task, evidence);
	if (st->owner >= evidence && st->pid && st->pid == now.pid)
		rename_owner(st, sk, now.comm);
	else if (st->owner <= evidence)
		set_owner(st, sk, &now);
}

/* The same, only if the task holds the socket's lock. */
static __always_inline void set_owner_current(struct sock_state *st, struct sock *sk, __u8 evidence)
{
	if (sk->sk_lock.owned)
		set_owner_task(st, sk, evidence);
}

/*
 * Gives a session the owner that a scan has noted for it. Once its state has been told, the note is
 * struck: it does not replace what is found out later. `is_copy`: the state is not the session's own.
 */
static __always_inline void take_note(struct sock_state *st, struct sock *sk, bool is_copy)
{
	__u64 key = (__u64)sk;
	struct note *note;
	__u8 most;

	if (!only_reads_files || st->flags & UNCONFIRMED)
		return;
	note = bpf_map_lookup_elem(&notes, &key);
	/* with another cookie it is that of an earlier socket at this address */
	if (!note || note->is_taken || note->cookie != cookie_of(sk))
		return;
	most = note->owner.evidence == OWNER_LISTEN ? OWNER_NONE : OWNER_SCAN;
	if (st->owner <= most)
		set_owner(st, sk, &note->owner);
	if (!is_copy)
		note->is_taken = 1;
}

/* A subflow belongs to whoever has its MPTCP socket. */
static __always_inline void set_mptcp_owner(struct sock_state *st, struct tcp_sock *tp)
{
	bool is_join;
	__u64 mptcp = mptcp_of(tp, &is_join);
	const struct process *p;

	if (!mptcp)
		return;
	p = bpf_map_lookup_elem(&mptcp_owners, &mptcp);
	if (p && (p->evidence > st->owner || st->owner == OWNER_KERNEL))
		set_owner(st, sock_of(tp), p);
}

#endif
