// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Follows every TCP session of the host: one record in the ring buffer when it closes, its figures
 * on demand while it is open.
 *
 * BTF tracepoints and iterators only. They need no more than CAP_BPF and CAP_PERFMON, and load
 * with lockdown=integrity.
 *
 * State is kept in socket storage: it is created and freed with the socket, and is not confused by
 * a reused address. A listener has none, and storage is not cloned into its children: storage is
 * charged to the option memory of a socket (net.core.optmem_max), and where that is too small for a
 * clone, the kernel refuses the child. A child leads to its listener at the moment of its creation:
 * see listener_of().
 *
 * The owner is the best evidence, never a guess:
 *   connect   the task that sent the SYN
 *   read      the last task that read from an accepted socket
 *   write     the last task that wrote to one that nobody has read from
 *   close     the task that closed or shut it down
 *   scan      a task that held the descriptor when the tables were scanned
 *   kernel    a kernel thread that opened it or reads from it
 *   listen    the task that listens, for a child that nobody has touched yet
 * A task counts only when it holds the socket lock (sk_lock.owned). In softirq context the current
 * task is the interrupted one, and there the lock is not owned: packets for an owned socket wait in
 * its backlog, which the owner itself processes.
 *
 * connect is never overwritten. When a process connects and its child reads, the session is the
 * parent's: users look for the process that decided to talk to a peer, and that does not change
 * while they look. A kernel thread that closes does not count: it cleans up after a process
 * (deferred closing, io_uring's files, descriptors lost in a Unix socket). Nor does one that writes:
 * it may finish what a process began (kTLS, a sockmap). One that connects or reads is a user of its
 * own, such as nfsd, as long as no process holds the socket.
 *
 * MPTCP subflows are TCP sockets and what is on the wire, and are shown as such. All of them but the
 * first are opened on behalf of the process that has the MPTCP socket, and belong to it.
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include "tcplife.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Exported so that their types reach the skeleton. */
const struct session_record *unused_session_record __attribute__((unused));
const struct unchanged_session *unused_unchanged_session __attribute__((unused));
const struct new_cgroup *unused_new_cgroup __attribute__((unused));
const struct holder_record *unused_holder_record __attribute__((unused));
const struct followed *unused_followed __attribute__((unused));
const enum owner_evidence *unused_owner_evidence __attribute__((unused));
const enum direction *unused_direction __attribute__((unused));
const enum age *unused_age __attribute__((unused));

enum state_flags {
	UNCONFIRMED = 1 << 0, /* child of a listener whose handshake is not complete */
	ADOPTED = 1 << 1, /* open before the start */
	NO_SYN = 1 << 2, /* opened by us without a SYN */
};

/* State of a socket, from its first transition on. */
struct sock_state {
	__u64 start_ns; /* 0: the socket has no session now */
	__u64 established_ns;
	__u64 closing_ns;
	__u32 pid;
	__u8 owner;
	__u8 direction;
	__u8 flags; /* enum state_flags */
	__u8 renamed; /* 1: the owner's first name is in first_names */
	__u8 comm[COMM_LEN];
	__u32 data_segs; /* segments with data that had arrived when we closed first */
	__u32 snapshot_digest; /* what the collector last saw of it while open; 0: nothing */
};
_Static_assert(sizeof(struct sock_state) == 56,
	       "with the kernel's 72 bytes (Linux 6.1 to 7.3) it fills a slab of 128");

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct sock_state);
} states SEC(".maps");

/* A process, and how it is known that it owns something. */
struct process {
	__u32 pid;
	__u8 evidence; /* enum owner_evidence */
	__u8 pad[3];
	__u8 comm[COMM_LEN];
};

/*
 * The first names of owners that have had several, by the address of the socket. A state has no room
 * for a second name, and few processes take one. An entry counts only for a state that is marked as
 * renamed, so none is ever that of an earlier socket at the same address. Bounded: of more than this,
 * those that were not used for the longest time are forgotten.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u8[COMM_LEN]);
} first_names SEC(".maps");

/*
 * The processes that listen, by the address of the listener. Bounded: of more listeners than this,
 * those without a new child for the longest time are forgotten.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, struct process);
} listeners SEC(".maps");

/*
 * The owners of MPTCP sockets, by address. An entry is replaced when the first subflow of the next
 * MPTCP socket at that address is opened, so none is ever that of an earlier one.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct process);
} mptcp_owners SEC(".maps");

/* The best holder of a socket that a scan has found so far. */
struct holder {
	__u64 start_ns; /* of the process, which may be older than the tool */
	__u32 pid; /* in the initial PID namespace */
	__u32 listens; /* 1: it holds a listener of the socket's port, too */
};

/* By the address of the socket. The collector clears this map and port_holders after each scan. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 17);
	__type(key, __u64);
	__type(value, struct holder);
} holders SEC(".maps");

/* A process that holds a listener. */
struct port_holder {
	__u32 netns;
	__u32 pid; /* as in struct holder */
	__u16 lport;
	__u16 pad[3];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 15);
	__type(key, struct port_holder);
	__type(value, __u32);
} port_holders SEC(".maps");

/* The control groups that the collector knows of. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u8);
} seen_cgroups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 24); /* the collector sets the requested size before loading */
} sessions SEC(".maps");

/*
 * The transition that on_state handled last on this processor, until on_state_nested has seen it,
 * and how often a program was run for a write.
 */
struct followed {
	__u64 sk;
	__u32 states;
	__u32 running; /* 1: on_state is running on this processor */
	__u64 writes;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct followed);
} followed SEC(".maps");

/* For variables that the collector writes while programs run: one access, of the whole value. */
#define READ_ONCE(x) (*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, value) (*(volatile typeof(x) *)&(x) = (value))

/*
 * Two, so that the collector can write one while the other is active. It writes active_filter last;
 * a program reads that once and keeps the filter that it found.
 */
struct capture_filter filters[2];
__u32 active_filter;

/*
 * While sessions keep closing, the collector drains the ring every 50 ms without being woken. A
 * closing session wakes it only if more than this is waiting in the ring, and then not again until
 * the ring has been drained: on a busy processor the collector may be late, and each wake-up is an
 * interrupt. When no session has closed for a while the collector sleeps, and the next session that
 * closes wakes it. A new control group always wakes it: see note_cgroup().
 */
const volatile __u64 wake_above_bytes = 1 << 22;
__u32 wakeup_pending; /* set here, cleared by the collector */
__u32 consumer_idle; /* written by the collector */

__u64 last_cgroup; /* the one that was noted last: most sessions have the same as the one before */

/* Counted here and read by the collector. */
__u64 ring_full; /* sessions that found the ring full */
__u64 no_memory; /* reported sessions for which no state could be made */
__u32 was_short_of_memory; /* 1: some session may have no state although it is new */
__u64 made_good; /* transitions that on_state_nested handled because on_state was not run */

__u32 snapshot_gen; /* changed by the collector to get every session in full again */
int scanner_tid; /* walks iter/tcp, which locks every socket that it visits (Linux 5.15) */
__u64 wanted_cookie; /* of the session whose holders find_holders looks for */
__u32 wanted_pid; /* a process that it reports once, too; 0: none */
__u32 scan_pass; /* 0: the scan looks for listeners, 1: for sessions */

/*
 * Set by learn_reader, which runs before everything else; proc_depth is set by the collector before
 * that. The reader is the task that reads the iterators: the collector.
 */
__u64 learn_jiffies; /* at one moment, with learn_ns: gives the length of a jiffy */
__u64 learn_ns; /* CLOCK_MONOTONIC */
__u64 learn_boot_ns; /* CLOCK_BOOTTIME of the initial time namespace */
__u32 proc_depth; /* PID namespaces from that of the reader's /proc to the reader's own */
__u32 pid_level; /* depth of the PID namespace of the reader's /proc; 0: the initial one */
__u64 pid_ns; /* its address */

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
 * The socket of a tcp_sock returned by bpf_skc_to_tcp_sock(). Pointers are read through it and not
 * through the socket pointer that came with the event: for each pointer read through the latter,
 * the verifier of Linux 6.3 and later searches the names of all kernel types (kernel/bpf/btf.c,
 * btf_nested_type_is_trusted), which takes a millisecond each time on 6.18.
 */
static __always_inline struct sock *sock_of(struct tcp_sock *tp)
{
	return &tp->inet_conn.icsk_inet.sk;
}

static __always_inline struct sock_state *state_of(struct sock *sk)
{
	return bpf_sk_storage_get(&states, sk, 0, 0);
}

/* Without CONFIG_NET_NS there is one namespace, which has no inode: 0. */
static __always_inline __u32 netns_of(const struct sock_common *skc)
{
	if (!bpf_core_field_exists(skc->skc_net.net))
		return 0;
	return skc->skc_net.net->ns.inum;
}

/* The same of a process. */
static __always_inline __u32 task_netns(const struct task_struct *task)
{
	if (!bpf_core_field_exists(((possible_net_t *)0)->net))
		return 0;
	return BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
}

/* The MPTCP socket of a subflow, to compare with others; 0: not a subflow. */
static __always_inline __u64 mptcp_of(struct tcp_sock *tp, bool *is_join)
{
	struct mptcp_subflow_context *subflow;

	*is_join = false;
	if (!bpf_core_field_exists(tp->is_mptcp) || !tp->is_mptcp)
		return 0;
	subflow = tp->inet_conn.icsk_ulp_data;
	if (!subflow)
		return 0;
	/* asked for by us, or by the peer */
	*is_join = BPF_CORE_READ_BITFIELD_PROBED(subflow, request_join) ||
		   BPF_CORE_READ_BITFIELD_PROBED(subflow, mp_join);
	return (__u64)BPF_CORE_READ(subflow, conn);
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

static __always_inline bool has_port(const __u64 *bits, __u16 port)
{
	return bits[port >> 6] >> (port & 63) & 1;
}

static __always_inline bool is_captured(struct tcp_sock *tp, __u8 ip, __u16 lport, __u16 rport,
					__u32 pid)
{
	const struct capture_filter *f = &filters[READ_ONCE(active_filter) & 1];

	if (f->ip && f->ip != ip)
		return false;
	if (f->pid && f->pid != pid)
		return false;
	if (f->netns && f->netns != netns_of(&sock_of(tp)->__sk_common))
		return false;
	if (f->by_lport && !has_port(f->lports, lport))
		return false;
	if (f->by_rport && !has_port(f->rports, rport))
		return false;
	return !f->by_port || has_port(f->ports, lport) || has_port(f->ports, rport);
}

/* ::ffff:a.b.c.d speaks IPv4 on the wire. */
static __always_inline bool is_mapped(const struct in6_addr *a)
{
	return a->in6_u.u6_addr32[0] == 0 && a->in6_u.u6_addr32[1] == 0 &&
	       a->in6_u.u6_addr32[2] == bpf_htonl(0xffff);
}

static __always_inline __u8 ip_version(struct sock *sk)
{
	struct sock_common *skc = &sk->__sk_common;

	if (bpf_core_field_exists(skc->skc_v6_daddr) && skc->skc_family == AF_INET6 &&
	    !is_mapped(&skc->skc_v6_daddr))
		return 6;
	return 4;
}

/* Before Linux 5.15 this was a tagged word, which cgroup v1 may have claimed. */
static __always_inline __u64 cgroup_of(struct sock *sk)
{
	if (!bpf_core_field_exists(sk->sk_cgrp_data.cgroup))
		return 0;
	return sk->sk_cgrp_data.cgroup->kn->id;
}

static __always_inline void fill_record(struct session_record *r, struct tcp_sock *tp,
					const struct sock_state *st, __u64 now)
{
	struct sock *sk = sock_of(tp);
	struct sock_common *skc = &sk->__sk_common;
	const __u8 *first_name = NULL;
	__u64 key = (__u64)sk;
	__u32 chrono_type;

	r->cookie = bpf_get_socket_cookie(sk);
	r->taken_ns = now;
	r->cgroup = cgroup_of(sk);
	r->bytes_acked = tp->bytes_acked;
	r->bytes_received = tp->bytes_received;
	r->bytes_sent = tp->bytes_sent;
	r->bytes_retrans = tp->bytes_retrans;
	r->snd_una = tp->snd_una;
	r->snd_nxt = tp->snd_nxt;
	r->write_seq = tp->write_seq;
	r->unread = tp->rcv_nxt - tp->copied_seq;
	r->srtt_us = tp->srtt_us;
	r->min_rtt_us = tp->rtt_min.s[0].v;
	r->total_retrans = tp->total_retrans;
	r->cwnd = tp->snd_cwnd;
	r->mss = tp->mss_cache;
	r->chrono[0] = tp->chrono_stat[0];
	r->chrono[1] = tp->chrono_stat[1];
	r->chrono[2] = tp->chrono_stat[2];
	/*
	 * chrono_stat lacks the phase that is still running: net/ipv4/tcp.c,
	 * tcp_get_info_chrono_stats
	 */
	chrono_type = BPF_CORE_READ_BITFIELD(tp, chrono_type);
	if (chrono_type != TCP_CHRONO_UNSPEC) {
		__u32 since = (__u32)bpf_jiffies64() - tp->chrono_start;

		if (chrono_type == TCP_CHRONO_BUSY)
			r->chrono[TCP_CHRONO_BUSY - 1] += since;
		else if (chrono_type == TCP_CHRONO_RWND_LIMITED)
			r->chrono[TCP_CHRONO_RWND_LIMITED - 1] += since;
		else
			r->chrono[TCP_CHRONO_SNDBUF_LIMITED - 1] += since;
	}
	r->uid = sk->sk_uid.val;
	r->netns = netns_of(skc);
	r->err = sk->sk_err;
	/* the kernel binds a session with a link-local peer, too: net/ipv6/tcp_ipv6.c */
	r->interface = skc->skc_bound_dev_if;
	r->pad = 0;
	if (bpf_core_field_exists(skc->skc_v6_daddr) && r->ip == 6) {
		for (int i = 0; i < 4; i++) {
			((__be32 *)r->laddr)[i] = skc->skc_v6_rcv_saddr.in6_u.u6_addr32[i];
			((__be32 *)r->raddr)[i] = skc->skc_v6_daddr.in6_u.u6_addr32[i];
		}
	} else {
		__builtin_memset(r->laddr, 0, sizeof(r->laddr));
		__builtin_memset(r->raddr, 0, sizeof(r->raddr));
		*(__be32 *)r->laddr = skc->skc_rcv_saddr;
		*(__be32 *)r->raddr = skc->skc_daddr;
	}
	r->fin_received = skc->skc_flags >> SOCK_DONE & 1;
	r->orphan = skc->skc_flags >> SOCK_DEAD & 1;
	r->data_after_close = 0;
	/* accept() gives it a struct socket, which close() takes away again (sock_orphan) */
	r->accepted = sk->sk_socket || r->orphan;
	r->repair = BPF_CORE_READ_BITFIELD(tp, repair);
	if (st) {
		r->start_ns = st->start_ns;
		r->established_ns = st->established_ns;
		r->closing_ns = st->closing_ns;
		r->pid = st->pid;
		r->owner = st->owner;
		r->direction = st->direction;
		r->age = st->flags & ADOPTED ? AGE_LOWER_BOUND : AGE_EXACT;
		r->no_syn = !!(st->flags & NO_SYN);
		__builtin_memcpy(r->comm, st->comm, sizeof(r->comm));
		if (st->renamed)
			first_name = bpf_map_lookup_elem(&first_names, &key);
	} else {
		r->start_ns = 0;
		r->established_ns = 0;
		r->closing_ns = 0;
		r->pid = 0;
		r->owner = OWNER_NONE;
		r->direction = DIRECTION_UNKNOWN;
		/* open before the start, unless its state is missing for lack of memory */
		r->age = READ_ONCE(was_short_of_memory) ? AGE_UNKNOWN : AGE_LOWER_BOUND;
		r->no_syn = 0;
		__builtin_memset(r->comm, 0, sizeof(r->comm));
	}
	if (first_name)
		__builtin_memcpy(r->first_comm, first_name, sizeof(r->first_comm));
	else
		__builtin_memset(r->first_comm, 0, sizeof(r->first_comm));
}

/* Two processors may wake the collector at the same moment: one wake-up too many does no harm. */
static __always_inline __u64 get_wakeup_flags(void)
{
	if (!READ_ONCE(wakeup_pending) &&
	    bpf_ringbuf_query(&sessions, BPF_RB_AVAIL_DATA) > wake_above_bytes) {
		WRITE_ONCE(wakeup_pending, 1);
		return BPF_RB_FORCE_WAKEUP;
	}
	return READ_ONCE(consumer_idle) ? 0 : BPF_RB_NO_WAKEUP;
}

/* Reports a closed session to the collector. */
static __always_inline void report_closed(struct tcp_sock *tp, struct sock_state *st, int oldstate)
{
	struct sock *sk = sock_of(tp);
	struct session_record *r = NULL;
	__u16 lport, rport;
	__u8 ip;

	if (st)
		set_mptcp_owner(st, tp);
	ip = ip_version(sk);
	lport = bpf_ntohs(tp->inet_conn.icsk_inet.inet_sport); /* skc_num is already 0 here */
	rport = bpf_ntohs(sk->__sk_common.skc_dport);
	if (is_captured(tp, ip, lport, rport, st ? st->pid : 0)) {
		r = bpf_ringbuf_reserve(&sessions, sizeof(*r), 0);
		if (!r)
			__sync_fetch_and_add(&ring_full, 1);
	}
	if (r) {
		r->ip = ip;
		r->lport = lport;
		r->rport = rport;
		r->state = oldstate;
		r->closed = 1;
		fill_record(r, tp, st, bpf_ktime_get_boot_ns());
		/*
		 * Data for a process that has closed: the kernel resets, and notes the same error
		 * as for a reset by the peer (tcp_rcv_state_process, TCPABORTONDATA).
		 */
		if (st && oldstate == TCP_FIN_WAIT1 && r->err == ECONNRESET && r->orphan)
			r->data_after_close = st->data_segs != tp->data_segs_in;
	}
	/*
	 * From now on, no snapshot finds it and it is not reported twice; the socket may be
	 * connected again, as a new session. This must precede the submission of the record:
	 * otherwise a snapshot taken after the record could still find the session open.
	 */
	if (!st)
		st = bpf_sk_storage_get(&states, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (st) {
		st->start_ns = 0;
		st->owner = OWNER_NONE;
	} else if (r) {
		__sync_fetch_and_add(&no_memory, 1);
	}
	if (r)
		bpf_ringbuf_submit(r, get_wakeup_flags());
}

/* listen(). A listener is no session; one that was a session has been reported. */
static __always_inline void handle_listen(struct sock *sk)
{
	__u64 listener = (__u64)sk;
	struct process p;

	if (!sk->sk_lock.owned)
		return;
	describe(&p, bpf_get_current_task_btf(), OWNER_LISTEN);
	bpf_map_update_elem(&listeners, &listener, &p, 0);
}

/* A control group may be gone when its last session closes: the collector looks it up at once. */
static __always_inline void note_cgroup(struct tcp_sock *tp)
{
	__u64 cgroup = cgroup_of(sock_of(tp));
	struct new_cgroup *r;
	__u8 yes = 1;

	if (!cgroup || cgroup == READ_ONCE(last_cgroup))
		return;
	if (bpf_map_lookup_elem(&seen_cgroups, &cgroup)) {
		WRITE_ONCE(last_cgroup, cgroup);
		return;
	}
	r = bpf_ringbuf_reserve(&sessions, sizeof(*r), 0);
	if (!r)
		return;
	r->none = 0;
	r->cgroup = cgroup;
	bpf_ringbuf_submit(r, BPF_RB_FORCE_WAKEUP);
	bpf_map_update_elem(&seen_cgroups, &cgroup, &yes, 0);
}

/* The state of a new session. */
static __always_inline struct sock_state *new_state(struct sock *sk, struct tcp_sock *tp,
						    __u8 direction, __u8 flags)
{
	struct sock_state *st;

	st = bpf_sk_storage_get(&states, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!st) {
		WRITE_ONCE(was_short_of_memory, 1);
		return NULL;
	}
	st->direction = direction;
	st->flags = flags;
	st->established_ns = 0;
	st->closing_ns = 0;
	st->start_ns = bpf_ktime_get_boot_ns();
	st->owner = OWNER_NONE;
	st->pid = 0;
	st->renamed = 0;
	__builtin_memset(st->comm, 0, sizeof(st->comm));
	note_cgroup(tp);
	return st;
}

/* Keeps the owner of the first subflow of an MPTCP socket for those that follow. */
static __always_inline void keep_mptcp_owner(__u64 mptcp, const struct sock_state *st)
{
	struct process p = {};

	if (st) {
		p.pid = st->pid;
		p.evidence = st->owner;
		__builtin_memcpy(p.comm, st->comm, sizeof(p.comm));
	}
	/* an unknown one, too: it replaces that of an earlier MPTCP socket at this address */
	bpf_map_update_elem(&mptcp_owners, &mptcp, &p, 0);
}

/* connect() */
static __always_inline void handle_connect(struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct sock_state *st;
	bool is_join;
	__u64 mptcp;

	if (!tp)
		return;
	st = new_state(sk, tp, DIRECTION_OUT, 0);
	mptcp = mptcp_of(tp, &is_join);
	if (st && is_join) /* on behalf of the socket's owner: a kernel thread, or `ip mptcp` */
		set_mptcp_owner(st, tp);
	else if (st)
		set_owner_current(st, sk, OWNER_CONNECT);
	if (mptcp && !is_join)
		keep_mptcp_owner(mptcp, st);
}

/*
 * The address of the listener of a socket that was just made. The child is a copy of the listener
 * (net/core/sock.c, sock_copy), and one of its lists is still the listener's, which is empty: its
 * head points to itself. The child's own is made later (net/ipv4/tcp_minisocks.c,
 * tcp_create_openreq_child).
 */
static __always_inline __u64 listener_of(struct tcp_sock *child)
{
	const struct tcp_sock *none = NULL;

	return (__u64)child->tsorted_sent_queue.next -
	       (__u64)__builtin_preserve_access_index(&none->tsorted_sent_queue);
}

/* A listener has made a child. */
static __always_inline void handle_child(struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	const struct process *p;
	struct sock_state *st;
	__u64 listener;

	if (!tp)
		return;
	st = new_state(sk, tp, DIRECTION_IN, UNCONFIRMED);
	if (!st)
		return;
	listener = listener_of(tp);
	p = bpf_map_lookup_elem(&listeners, &listener);
	if (p)
		set_owner(st, sk, p);
}

/* The handshake is complete. */
static __always_inline void handle_established(struct sock *sk, int oldstate)
{
	struct sock_state *st = state_of(sk);
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	bool is_join = false;
	__u64 mptcp = 0;

	if (!tp)
		return;
	if (oldstate == TCP_SYN_RECV)
		mptcp = mptcp_of(tp, &is_join);
	if (!st) {
		/*
		 * From SYN_SENT: open before the start, so not new. From SYN_RECV: a child, but no
		 * program was run when it was made.
		 */
		if (oldstate != TCP_SYN_RECV)
			return;
		st = new_state(sk, tp, DIRECTION_IN, 0);
	}
	if (mptcp && !is_join)
		keep_mptcp_owner(mptcp, st);
	if (!st)
		return;
	if (is_join)
		set_mptcp_owner(st, tp);
	if (oldstate == TCP_SYN_SENT && BPF_CORE_READ_BITFIELD(tp, repair))
		st->flags |= NO_SYN;
	st->flags &= ~UNCONFIRMED;
	if (!st->established_ns)
		st->established_ns = bpf_ktime_get_boot_ns();
}

/* A FIN, from the peer (TCP_CLOSE_WAIT) or from us. */
static __always_inline void handle_fin(struct sock *sk, int oldstate, int newstate)
{
	struct sock_state *st = state_of(sk);
	struct tcp_sock *tp;

	if (!st)
		return;
	st->flags &= ~UNCONFIRMED;
	if (!st->closing_ns && oldstate != TCP_CLOSE_WAIT)
		st->closing_ns = bpf_ktime_get_boot_ns();
	if (newstate == TCP_CLOSE_WAIT)
		return;
	tp = bpf_skc_to_tcp_sock(sk);
	if (tp)
		st->data_segs = tp->data_segs_in;
	set_owner_current(st, sk, OWNER_CLOSE);
}

/* End of a session, or of an attempt at one. */
static __always_inline void handle_close(struct sock *sk, int oldstate)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct sock_state *st;

	if (oldstate == TCP_LISTEN) {
		__u64 listener = (__u64)sk;

		bpf_map_delete_elem(&listeners, &listener);
		return;
	}
	if (!tp)
		return;
	st = state_of(sk);
	if (st) { /* if not, it was open before the start, or there was no memory for a state */
		if (!st->start_ns) /* reported already */
			return;
		if (st->flags & UNCONFIRMED) {
			/*
			 * Two packets of one handshake on two processors create two children, and
			 * one is discarded (net/ipv4/tcp_ipv4.c, tcp_v4_syn_recv_sock): it never
			 * was a session.
			 */
			if (oldstate == TCP_SYN_RECV && !tp->fastopen_rsk)
				return;
			st->flags &= ~UNCONFIRMED;
		}
		/* ss -K closes on behalf of nobody (net/ipv4/tcp.c, tcp_abort) */
		if (sk->sk_err != ECONNABORTED)
			set_owner_current(st, sk, OWNER_CLOSE);
	}
	report_closed(tp, st, oldstate);
}

static __always_inline void handle_transition(struct sock *sk, int oldstate, int newstate)
{
	if (sk->sk_protocol != IPPROTO_TCP || oldstate == newstate)
		return;
	switch (newstate) {
	case TCP_LISTEN:
		handle_listen(sk);
		break;
	case TCP_SYN_SENT:
		handle_connect(sk);
		break;
	case TCP_SYN_RECV:
		if (oldstate == TCP_LISTEN)
			handle_child(sk);
		break;
	case TCP_ESTABLISHED:
		handle_established(sk, oldstate);
		break;
	case TCP_CLOSE_WAIT:
	case TCP_FIN_WAIT1:
	case TCP_LAST_ACK:
		handle_fin(sk, oldstate, newstate);
		break;
	case TCP_CLOSE:
		handle_close(sk, oldstate);
		break;
	}
}

/*
 * From Linux 6.1 on, the kernel does not run a program that interrupts itself on a processor: what
 * a softirq does to other sockets while on_state runs would be missed (kernel/trace/bpf_trace.c,
 * __bpf_trace_run, counts it as recursion_misses). So there is a second program, attached after the
 * first and therefore run after it, which handles the transitions that the first was not run for.
 * On older kernels the first program misses none.
 *
 * The first program leaves a note of the transition that it has handled, and the second looks for
 * it. An interrupt between the two may have replaced it; then the transition is handled twice,
 * which changes nothing that has a state. A note of an earlier transition is never mistaken for the
 * current one: the first program begins by removing it.
 */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, struct sock *sk, int oldstate, int newstate)
{
	volatile struct followed *f = bpf_map_lookup_elem(&followed, &(__u32){0});

	if (!f)
		return 0;
	f->sk = 0;
	f->running = 1;
	handle_transition(sk, oldstate, newstate);
	f->running = 0;
	f->states = oldstate << 8 | newstate;
	f->sk = (__u64)sk;
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state_nested, struct sock *sk, int oldstate, int newstate)
{
	volatile struct followed *f = bpf_map_lookup_elem(&followed, &(__u32){0});

	if (!f)
		return 0;
	if (f->sk == (__u64)sk && f->states == (oldstate << 8 | newstate))
		f->sk = 0;
	else {
		if (f->running)
			__sync_fetch_and_add(&made_good, 1);
		handle_transition(sk, oldstate, newstate);
	}
	return 0;
}

/* Runs in the context of the task that reads from the socket, after every read that took data. */
SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(on_read, struct sock *sk)
{
	struct sock_state *st = state_of(sk);
	struct tcp_sock *tp;

	if (!st || !sk->sk_lock.owned)
		return 0;
	/* shut down, not closed: a process still reads, so this data does not follow a close */
	if (sk->__sk_common.skc_state == TCP_FIN_WAIT1) {
		tp = bpf_skc_to_tcp_sock(sk);
		if (tp)
			st->data_segs = tp->data_segs_in;
	}
	if (st->flags & UNCONFIRMED) /* fast open: data before the handshake is complete */
		st->flags &= ~UNCONFIRMED;
	set_owner_current(st, sk, OWNER_READ);
	return 0;
}

/* Each run takes time from a sender, so the collector detaches the program where there are many. */
static __always_inline void count_write(void)
{
	struct followed *f = bpf_map_lookup_elem(&followed, &(__u32){0});

	if (f)
		f->writes++;
}

/*
 * A task is about to write to the socket, whose lock it holds (Linux 6.16): once for each piece of
 * the data. That is often, and most sessions have better evidence by then, so this comes first.
 */
SEC("tp_btf/tcp_sendmsg_locked")
int BPF_PROG(on_write, struct sock *sk)
{
	struct sock_state *st;

	count_write();
	st = state_of(sk);
	if (!st || st->owner > OWNER_WRITE)
		return 0;
	st->flags &= ~UNCONFIRMED; /* fast open, as in on_read */
	set_owner_current(st, sk, OWNER_WRITE);
	return 0;
}

/*
 * A task has written to a socket of any kind, and has released its lock (Linux 6.3). Used only where
 * there is no on_write. What another processor finds out about the owner at this moment may be lost
 * until its next evidence. A session is not confirmed here, as in on_write: that takes the lock.
 */
SEC("tp_btf/sock_send_length")
int BPF_PROG(on_write_done, struct sock *sk, int result)
{
	struct sock_state *st;

	count_write();
	if (result <= 0 || sk->sk_protocol != IPPROTO_TCP)
		return 0;
	st = state_of(sk);
	if (st && st->owner <= OWNER_WRITE)
		set_owner_task(st, sk, OWNER_WRITE);
	return 0;
}

/*
 * Learns where and when the reader is: runs in its context. The ids of processes that are shown are
 * those of the PID namespace of the reader's /proc.
 */
SEC("iter/bpf_map")
int learn_reader(struct bpf_iter__bpf_map *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	struct pid *pid = BPF_CORE_READ(leader, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level);
	struct local_pid here;

	if (learn_ns)
		return 0;
	learn_ns = bpf_ktime_get_ns();
	learn_jiffies = bpf_jiffies64();
	learn_boot_ns = bpf_ktime_get_boot_ns();
	pid_level = level > proc_depth ? level - proc_depth : 0;
	read_local_pid(&here, pid, pid_level);
	pid_ns = here.ns;
	return 0;
}

static __always_inline bool is_bound(struct sock *sk)
{
	return BPF_CORE_READ_BITFIELD_PROBED(sk, sk_userlocks) & SOCK_BINDPORT_LOCK;
}

/*
 * Creates state for a socket that was open before tcplife started.
 */
static __always_inline struct sock_state *adopt(struct sock *sk, struct tcp_sock *tp, __u8 state)
{
	struct sock_state first = {
		.start_ns = bpf_ktime_get_boot_ns(),
		.flags = ADOPTED,
	};

	if (state == TCP_SYN_SENT) {
		first.direction = DIRECTION_OUT;
	} else if (tp) {
		/*
		 * With nothing in flight, what was acknowledged besides the data that was sent is
		 * a SYN of ours: net/ipv4/tcp_input.c, tcp_snd_una_update.
		 */
		if ((state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT) &&
		    tp->snd_una == tp->snd_nxt) {
			__u64 rest = tp->bytes_acked - (tp->bytes_sent - tp->bytes_retrans);

			/* a child of a listener has no port of its own; a restored one is bound */
			if (rest == 1)
				first.direction = DIRECTION_OUT;
			else if (rest == 0 && is_bound(sk))
				first.flags |= NO_SYN;
			else if (rest == 0)
				first.direction = DIRECTION_IN;
		}
		first.data_segs = tp->data_segs_in;
	}
	return bpf_sk_storage_get(&states, sk, &first, BPF_SK_STORAGE_GET_F_CREATE);
}

/*
 * Sessions that wait to be accepted have no descriptor; only their listener leads to them. The
 * verifier follows every iteration of the loop: each instruction in it adds a millisecond to
 * loading the programs (on Linux 6.18).
 */
static __always_inline void adopt_queue(struct sock *listener, const struct process *p)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(listener);
	struct sock_state child = {
		.start_ns = bpf_ktime_get_boot_ns(),
		.flags = ADOPTED,
		.direction = DIRECTION_IN,
	};
	struct request_sock *req;

	if (!tp)
		return;
	set_owner(&child, listener, p);
	req = tp->inet_conn.icsk_accept_queue.rskq_accept_head;
	/*
	 * a queue holds one more than its limit, net.core.somaxconn, which is 4096 by default; a
	 * child that has a state keeps it
	 */
	for (int i = 0; i < 4097 && req; i++, req = req->dl_next)
		bpf_sk_storage_get(&states, req->sk, &child, BPF_SK_STORAGE_GET_F_CREATE);
}

/* A listener from before the start. False: it is known. */
static __always_inline bool adopt_listener(struct sock *sk, const struct process *p)
{
	__u64 listener = (__u64)sk;

	if (bpf_map_lookup_elem(&listeners, &listener))
		return false;
	bpf_map_update_elem(&listeners, &listener, p, 0);
	return true;
}

/* A process as a holder of the listener of a socket's port. */
static __always_inline struct port_holder port_holder_of(struct sock *sk, struct task_struct *task)
{
	struct port_holder key = {
		.netns = netns_of(&sk->__sk_common),
		.pid = task->tgid,
		.lport = sk->__sk_common.skc_num,
	};

	return key;
}

/*
 * Of several processes that hold a socket, its owner is the one that holds the listener of its
 * port, too; else the oldest. The others have inherited the descriptor.
 */
static __always_inline bool is_best_holder(struct sock *sk, struct task_struct *task)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	__u64 key = (__u64)sk;
	struct port_holder listener = port_holder_of(sk, task);
	struct holder now = {
		.start_ns = BPF_CORE_READ(leader, start_time),
		.pid = task->tgid,
		.listens = !!bpf_map_lookup_elem(&port_holders, &listener),
	};
	const struct holder *best = bpf_map_lookup_elem(&holders, &key);

	if (best && (best->listens > now.listens ||
		     (best->listens == now.listens && best->start_ns <= now.start_ns)))
		return false;
	bpf_map_update_elem(&holders, &key, &now, 0);
	return true;
}

/* The IP socket of an open file, if it is one. */
static __always_inline struct sock *inet_sock_of(struct file *file)
{
	struct socket *sock = file ? bpf_sock_from_file(file) : NULL;
	struct sock *sk = sock ? sock->sk : NULL;

	if (!sk ||
	    (sk->__sk_common.skc_family != AF_INET && sk->__sk_common.skc_family != AF_INET6))
		return NULL;
	return sk;
}

/*
 * Finds which process holds which TCP socket: at the start for preexisting sockets, later for those
 * of which only the listener is known. Runs twice: first for listeners, then for sessions.
 */
SEC("iter/task_file")
int scan_files(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct sock *sk = inet_sock_of(ctx->file);
	struct sock_state *st;
	struct process p;
	__u64 key;
	__u8 state;

	if (!task || !sk)
		return 0;
	state = sk->__sk_common.skc_state;
	if (sk->sk_protocol == IPPROTO_MPTCP) {
		const struct process *known;

		key = (__u64)sk;
		known = bpf_map_lookup_elem(&mptcp_owners, &key);
		if (scan_pass == 0 || (known && known->evidence > OWNER_SCAN) ||
		    !is_best_holder(sk, task))
			return 0;
		describe(&p, task, OWNER_SCAN);
		bpf_map_update_elem(&mptcp_owners, &key, &p, 0);
		return 0;
	}
	if (sk->sk_protocol != IPPROTO_TCP || state == TCP_CLOSE)
		return 0;
	if (state == TCP_LISTEN) {
		struct port_holder listener = port_holder_of(sk, task);

		if (scan_pass != 0)
			return 0;
		bpf_map_update_elem(&port_holders, &listener, &listener.pid, 0);
		/* prefork: the first process found, the master, counts as the owner */
		describe(&p, task, OWNER_LISTEN);
		if (adopt_listener(sk, &p))
			adopt_queue(sk, &p);
		return 0;
	}
	if (scan_pass == 0)
		return 0;
	st = state_of(sk);
	if (!st)
		st = adopt(sk, bpf_skc_to_tcp_sock(sk), state);
	if (st && !(st->flags & UNCONFIRMED) && st->owner <= OWNER_SCAN &&
	    is_best_holder(sk, task)) {
		describe(&p, task, OWNER_SCAN);
		set_owner(st, sk, &p);
	}
	return 0;
}

/* Finds all processes that have a descriptor of one session, and the network namespace of each. */
SEC("iter/task_file")
int find_holders(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct sock *sk = inet_sock_of(ctx->file);
	struct holder_record r = {};

	if (!task)
		return 0;
	r.holds =
		sk && sk->sk_protocol == IPPROTO_TCP && bpf_get_socket_cookie(sk) == wanted_cookie;
	if (!r.holds && !wanted_pid)
		return 0;
	r.pid = visible_pid(task);
	if (!r.holds && r.pid != wanted_pid)
		return 0;
	r.netns = task_netns(task);
	read_name(r.comm, task);
	/* a record that does not fit is discarded, and the program runs again for it */
	if (bpf_seq_write(ctx->meta->seq, &r, sizeof(r)) == 0 && !r.holds)
		wanted_pid = 0;
	return 0;
}

/*
 * Finds sockets of which no process has a descriptor: closed sockets whose last data or FIN is in
 * flight, descriptors in flight over a Unix socket, sockets of the kernel itself, the TCP sockets
 * of an MPTCP socket (also of a listening one), and sockets of processes in PID namespaces that are
 * not below the reader's.
 * Sees the network namespace of its reader only.
 */
SEC("iter/tcp")
int scan_orphans(struct bpf_iter__tcp *ctx)
{
	struct sock_common *skc = ctx->sk_common;
	struct tcp_sock *tp;
	struct process p = {.evidence = OWNER_NONE};
	struct process *known;
	struct sock *sk;
	__u64 mptcp;
	bool is_join;
	__u8 state;

	WRITE_ONCE(scanner_tid, bpf_get_current_task_btf()->pid);
	if (!skc)
		return 0;
	tp = bpf_skc_to_tcp_sock(skc); /* null for request and TIME_WAIT sockets */
	if (!tp)
		return 0;
	sk = sock_of(tp);
	state = sk->__sk_common.skc_state;
	if (state == TCP_LISTEN) {
		mptcp = mptcp_of(tp, &is_join);
		known = mptcp ? bpf_map_lookup_elem(&mptcp_owners, &mptcp) : NULL;
		if (known) {
			p = *known;
			p.evidence = OWNER_LISTEN;
		}
		adopt_listener(sk, &p);
	} else if (state != TCP_CLOSE && !state_of(sk)) {
		adopt(sk, tp, state);
	}
	return 0;
}

static __always_inline __u64 mix(__u64 sum, __u64 word)
{
	return (sum ^ word) * 0x9e3779b97f4a7c15ULL;
}

/*
 * A digest that changes whenever the record would, except for the time and values derived from it.
 * It runs for every idle socket, and every cache line of a socket is a cache miss, so it reads few
 * fields: the sequence numbers cover the byte counts, the delivered segments the RTT samples, the
 * sent segments the retransmits, and the chrono times do not advance while nothing is in flight.
 */
static __always_inline __u32 digest(struct sock *sk, struct tcp_sock *tp,
				    const struct sock_state *st)
{
	struct sock_common *skc = &sk->__sk_common;
	const __u64 *comm = (const __u64 *)st->comm;
	__u64 sum = READ_ONCE(snapshot_gen);

	sum = mix(sum, st->start_ns);
	sum = mix(sum, st->established_ns);
	sum = mix(sum, st->closing_ns);
	sum = mix(sum, (__u64)st->pid << 32 | st->owner << 8 | skc->skc_state);
	sum = mix(sum, comm[0]);
	sum = mix(sum, comm[1]);
	sum = mix(sum, (__u64)sk->sk_uid.val << 32 |
			       (skc->skc_flags & (1 << SOCK_DONE | 1 << SOCK_DEAD)));
	sum = mix(sum, skc->skc_bound_dev_if);
	sum = mix(sum, (__u64)tp->rcv_nxt << 32 | tp->snd_nxt);
	sum = mix(sum, (__u64)tp->snd_una << 32 | tp->srtt_us);
	sum = mix(sum, (__u64)tp->delivered << 32 | tp->segs_out);
	sum = mix(sum, (__u64)tp->write_seq << 32 | tp->copied_seq);
	sum = mix(sum, (__u64)tp->snd_cwnd << 32 | tp->mss_cache);
	return sum >> 32 ?: 1; /* 0: never shown */
}

/*
 * The figures of an open session: a record, or only its cookie if an earlier snapshot has shown all
 * of it. Most sessions of a host are idle.
 */
static __always_inline int dump(struct seq_file *seq, struct sock *sk, struct sock_state *st)
{
	struct session_record r; /* all of it is filled: there is no padding */
	struct tcp_sock *tp;
	struct unchanged_session unchanged = {};
	__u32 digest_now;
	__u8 state;

	if (!sk || !st)
		return 0;
	state = sk->__sk_common.skc_state;
	if (state == TCP_CLOSE || state == TCP_LISTEN || st->flags & UNCONFIRMED || !st->start_ns)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	set_mptcp_owner(st, tp);
	r.ip = ip_version(sk);
	r.lport = sk->__sk_common.skc_num;
	r.rport = bpf_ntohs(sk->__sk_common.skc_dport);
	r.state = state;
	r.closed = 0;
	if (!is_captured(tp, r.ip, r.lport, r.rport, st->pid))
		return 0;
	/* before the figures are read: a change in between then appears in the next snapshot */
	digest_now = digest(sk, tp, st);
	if (digest_now == st->snapshot_digest &&
	    BPF_CORE_READ_BITFIELD(tp, chrono_type) == TCP_CHRONO_UNSPEC) {
		unchanged.cookie = bpf_get_socket_cookie(sk);
		bpf_seq_write(seq, &unchanged, sizeof(unchanged));
		return 0;
	}
	fill_record(&r, tp, st, bpf_ktime_get_boot_ns());
	/* the kernel discards a record that does not fit, and runs the program again for it */
	if (bpf_seq_write(seq, &r, sizeof(r)) == 0)
		st->snapshot_digest = digest_now;
	return 0;
}

/* A snapshot of every open session that is followed. */
SEC("iter/bpf_sk_storage_map")
int dump_open_sessions(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	return dump(ctx->meta->seq, ctx->sk, ctx->value);
}

/*
 * The same for a kernel that refuses iterators over maps: first the sessions that a process holds,
 * in any network namespace, some of them several times ...
 */
SEC("?iter/task_file")
int dump_held_sessions(struct bpf_iter__task_file *ctx)
{
	struct sock *sk = inet_sock_of(ctx->file);

	if (!sk || sk->sk_protocol != IPPROTO_TCP)
		return 0;
	return dump(ctx->meta->seq, sk, state_of(sk));
}

/* ... and then all of the reader's network namespace. */
SEC("?iter/tcp")
int dump_tcp_sessions(struct bpf_iter__tcp *ctx)
{
	struct sock_common *skc = ctx->sk_common;
	struct tcp_sock *tp;

	WRITE_ONCE(scanner_tid, bpf_get_current_task_btf()->pid);
	tp = skc ? bpf_skc_to_tcp_sock(skc) : NULL;
	return tp ? dump(ctx->meta->seq, sock_of(tp), state_of(sock_of(tp))) : 0;
}
