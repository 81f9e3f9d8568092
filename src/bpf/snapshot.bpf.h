// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Iterators that report the figures of the open sessions.
 */
#ifndef TCPLIFE_SNAPSHOT_H
#define TCPLIFE_SNAPSHOT_H

#include "record.bpf.h"
#include "scan.bpf.h"

static __always_inline __u64 mix(__u64 sum, __u64 word)
{
	return (sum ^ word) * 0x9e3779b97f4a7c15ULL;
}

/*
 * A digest that changes whenever the record would, except for the time and values derived from it.
 * It runs for every idle socket, and every cache line of a socket is a cache miss, so it reads few
 * fields: the sequence numbers cover the byte counts, the delivered segments the RTT samples, the
 * sent segments the retransmits, the turns what is known of response times, and the chrono times do
 * not advance while nothing is in flight.
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
	sum = mix(sum, (__u64)st->turns << 32 | skc->skc_bound_dev_if);
	sum = mix(sum, (__u64)tp->rcv_nxt << 32 | tp->snd_nxt);
	sum = mix(sum, (__u64)tp->snd_una << 32 | tp->srtt_us);
	sum = mix(sum, (__u64)tp->delivered << 32 | tp->segs_out);
	sum = mix(sum, (__u64)tp->write_seq << 32 | tp->copied_seq);
	sum = mix(sum, (__u64)tp->snd_cwnd << 32 | tp->mss_cache);
	return sum >> 32 ?: 1; /* 0: never shown */
}

/*
 * The unchanged sessions of the current snapshot, in cells by their cookies: how many, and the sum of
 * their cookies. The collector compares the cells with the sessions that it knows. So nothing is written
 * for an idle session, and one that is gone still has a name: what its cell lacks is its cookie.
 */
__u64 unchanged_sums[UNCHANGED_CELLS];
__u32 unchanged_counts[UNCHANGED_CELLS];
__u64 cell_factor; /* odd; another one for each snapshot, so that no two sessions always share a cell */

static __always_inline void count_unchanged(__u64 cookie)
{
	__u32 cell = cookie * cell_factor >> 52;

	if (cell < UNCHANGED_CELLS) { /* for the verifier: 12 bits */
		unchanged_sums[cell] += cookie;
		unchanged_counts[cell]++;
	}
}

/*
 * False: the collector wants its turn, and reads this object and those after it later. The program then
 * returns 1, by which it asks for that.
 */
static __always_inline bool has_part_left(void)
{
	if (!part_left)
		return false;
	part_left--;
	return true;
}

/*
 * The record of an open session, without its cookie, in the ring; null: the collector must take what is
 * there first.
 */
static __always_inline struct session_record *open_record(struct tcp_sock *tp,
							  const struct sock_state *st, __u8 ip,
							  __u16 lport, __u16 rport, __u8 state)
{
	struct session_record *r;

	/* half of the ring: with few parts, the kernel seldom has to look for its place */
	if (bpf_ringbuf_query(&sessions, BPF_RB_AVAIL_DATA) > 2 * wake_above_bytes)
		return NULL;
	r = bpf_ringbuf_reserve(&sessions, sizeof(*r), 0);
	if (!r)
		return NULL;
	r->ip = ip;
	r->lport = lport;
	r->rport = rport;
	r->state = state;
	r->closed = 0;
	fill_record(r, tp, st, bpf_ktime_get_boot_ns());
	return r;
}

/* Hands over the record of an open session. */
static __always_inline void submit_open(struct session_record *r)
{
	snapshot_records++;
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
}

/*
 * The figures of an open session: a record in the ring, or no more than a count if an earlier snapshot
 * has shown all of it. Most sessions of a host are idle. Returns 1 if the collector must take what is in
 * the ring first: it is there for sessions that close. (The output of an iterator has room for some
 * hundred records, and to go on afterwards, the kernel looks for its place from the start.)
 */
static __always_inline int dump(struct sock *sk, struct sock_state *st)
{
	struct session_record *r;
	struct tcp_sock *tp;
	__u16 lport, rport;
	__u32 digest_now;
	__u8 state, ip;

	/* several processes may hold it, or it changed its place while the iterator waited */
	if (!sk || !st || st->seen >> 1 == snapshot_number)
		return 0;
	state = sk->__sk_common.skc_state;
	if (state == TCP_CLOSE || state == TCP_LISTEN || st->flags & UNCONFIRMED || !st->start_ns)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	take_note(st, sk, false);
	set_mptcp_owner(st, tp);
	ip = ip_version(sk);
	lport = sk->__sk_common.skc_num;
	rport = bpf_ntohs(sk->__sk_common.skc_dport);
	if (!is_captured(tp, ip, lport, rport, st->pid))
		return 0;
	/* before the figures are read: a change in between then appears in the next snapshot */
	digest_now = digest(sk, tp, st);
	if (digest_now == st->snapshot_digest &&
	    BPF_CORE_READ_BITFIELD(tp, chrono_type) == TCP_CHRONO_UNSPEC) {
		count_unchanged(bpf_get_socket_cookie(sk));
		st->seen = snapshot_number << 1 | 1;
		return 0;
	}
	r = open_record(tp, st, ip, lport, rport, state);
	if (!r)
		return 1;
	r->cookie = bpf_get_socket_cookie(sk);
	st->snapshot_digest = digest_now;
	st->seen = snapshot_number << 1;
	submit_open(r);
	return 0;
}

/* A snapshot of every open session that is followed. */
SEC("iter/bpf_sk_storage_map")
int dump_open_sessions(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	if (!ctx->sk)
		return 0;
	if (!has_part_left())
		return 1;
	return dump(ctx->sk, ctx->value);
}

/*
 * The same for a kernel that refuses iterators over maps: first all of the reader's network
 * namespace ...
 */
SEC("?iter/tcp")
int dump_tcp_sessions(struct bpf_iter__tcp *ctx)
{
	struct sock_common *skc = ctx->sk_common;
	struct tcp_sock *tp;

	WRITE_ONCE(scanner_tid, bpf_get_current_task_btf()->pid);
	if (!skc)
		return 0;
	if (!has_part_left())
		return 1;
	tp = bpf_skc_to_tcp_sock(skc);
	return tp ? dump(sock_of(tp), state_of(sock_of(tp))) : 0;
}

/* The TCP socket of an open file, if it is one outside of the reader's network namespace. */
static __always_inline struct sock *foreign_sock_of(struct file *file)
{
	struct sock *sk = inet_sock_of(file);

	if (!sk || sk->sk_protocol != IPPROTO_TCP || net_of(&sk->__sk_common) == reader_net)
		return NULL;
	return sk;
}

/* ... and then, if there are sessions elsewhere, those of them that a process holds. */
SEC("?iter/task_file")
int dump_held_sessions(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;
	struct sock *sk;

	if (!file)
		return 0;
	if (!has_part_left())
		return 1;
	sk = foreign_sock_of(file);
	return sk ? dump(sk, state_of(sk)) : 0;
}

/* A socket has few storages: one for each tool that keeps one. */
#define MOST_STORAGES 16

/*
 * Copies the state of a socket that can only be read. Nothing keeps the storage from being freed
 * meanwhile, so everything is read by probe (include/linux/bpf_local_storage.h). False: it has none.
 */
static __always_inline bool read_state(struct sock_state *st, struct sock *sk)
{
	const struct bpf_local_storage *storage = sk->sk_bpf_storage;
	const struct hlist_node *node = storage ? BPF_CORE_READ(storage, list.first) : NULL;
	const struct bpf_local_storage_elem *elem;
	const struct bpf_local_storage_data *data;
	const void *value;

	for (int i = 0; i < MOST_STORAGES && node; i++) {
		elem = (void *)node - bpf_core_field_offset(elem->snode);
		data = (void *)elem + bpf_core_field_offset(elem->sdata);
		if ((void *)BPF_CORE_READ(data, smap) == (void *)&states) {
			value = (void *)data + bpf_core_field_offset(data->data);
			return !bpf_probe_read_kernel(st, sizeof(*st), value);
		}
		node = BPF_CORE_READ(node, next);
	}
	return false;
}

/* From Linux 6.2 on */
void *bpf_rdonly_cast(const void *obj, __u32 type_id) __ksym __weak;

/* The same as dump_held_sessions where the socket of an open file can only be read. */
SEC("?iter/task_file")
int dump_read_sessions(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;
	struct session_record *r;
	struct sock_state st;
	struct tcp_sock *tp;
	struct sock *sk;
	__u16 lport, rport;
	__u8 state, ip, number = snapshot_number;
	const __u8 *seen;
	__u64 cookie;

	if (!file)
		return 0;
	if (!has_part_left())
		return 1;
	sk = foreign_sock_of(file);
	if (!sk || !read_state(&st, sk))
		return 0;
	cookie = cookie_of(sk);
	state = sk->__sk_common.skc_state;
	if (state == TCP_CLOSE || state == TCP_LISTEN || st.flags & UNCONFIRMED || !st.start_ns ||
	    !cookie)
		return 0;
	seen = bpf_map_lookup_elem(&read_snapshots, &cookie);
	if (seen && *seen == number)
		return 0;
	tp = bpf_rdonly_cast(sk, bpf_core_type_id_kernel(struct tcp_sock));
	take_note(&st, sk, true);
	set_mptcp_owner(&st, tp);
	ip = ip_version(sk);
	lport = sk->__sk_common.skc_num;
	rport = bpf_ntohs(sk->__sk_common.skc_dport);
	if (!is_captured(tp, ip, lport, rport, st.pid))
		return 0;
	r = open_record(tp, &st, ip, lport, rport, state);
	if (!r)
		return 1;
	r->cookie = cookie;
	bpf_map_update_elem(&read_snapshots, &cookie, &number, 0);
	submit_open(r);
	return 0;
}

#endif
