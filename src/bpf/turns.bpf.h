// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Response times, from the kernel's own times of packets: nothing looks into the data.
 *
 * A turn is data that arrives after the peer has acknowledged data of ours, for the first time since
 * the last turn. The peer's response time is the time from the last transmission that it has
 * acknowledged to the arrival of the first data after it; ours, the time from the arrival of the
 * newest data that was read to the first write after it.
 *
 * All of it is found out when a process reads. A process that reads late does not change the
 * figures: the time of the last arrival is known to the microsecond as long as nothing else has
 * refreshed the socket's clock, and to a jiffy otherwise; how much earlier the first data came is in
 * the timestamps (RFC 7323) of the two packets.
 */
#ifndef TCPLIFE_TURNS_H
#define TCPLIFE_TURNS_H

#include "state.bpf.h"

/* The initial congestion window, in segments: an answer of no more needs one flight. */
#define ONE_FLIGHT 10
/* The times in a state are 32 bits of microseconds, which is 71 minutes. */
#define LONGEST_US 0xffffffffULL
/* A response time that is off by a jiffy is kept only if it is at least this many times as long. */
#define ROUGH_JIFFIES 20
/* Kinds and lengths of two no-operations and a timestamp, as every Linux aligns them. */
#define TIMESTAMP_OPTION 0x0101080a

/* Bytes of data that the peer has acknowledged: low bits. */
static __always_inline __u32 acked_data(struct tcp_sock *tp)
{
	return tp->bytes_acked - (sock_of(tp)->__sk_common.skc_state == TCP_FIN_WAIT2);
}

static __always_inline void forget_turns(struct sock_state *st)
{
	st->peer_times = 0;
	st->our_times = 0;
	st->turns = 0;
	/* as counted by tcp_sock: with our SYN */
	st->acked = st->direction == DIRECTION_OUT;
	st->arrived = 0;
	st->newest_us = 0;
	st->answer_us = 0;
	st->first_data_us = 0;
	st->peer_max = 0;
	st->peer_last = 0;
	st->our_max = 0;
	st->our_last = 0;
	st->data_segs = 0;
	st->turn_retrans = 0;
	st->turn_segs = 0;
}

/* The handshake is complete, or the session was open before the start. */
static __always_inline void begin_turns(struct sock_state *st, struct tcp_sock *tp)
{
	if (st->flags & NO_SYN)
		st->acked = tp->bytes_acked;
	st->turn_retrans = tp->total_retrans;
	st->turn_segs = tp->data_segs_out;
}

/* In 16 bits: a number of 11 bits, and how many bits follow it. Greater times have greater codes. */
static __always_inline __u16 shorten(__u32 us)
{
	__u32 bits = 0;

	if (us >> 27) {
		us >>= 16;
		bits += 16;
	}
	if (us >> 19) {
		us >>= 8;
		bits += 8;
	}
	if (us >> 15) {
		us >>= 4;
		bits += 4;
	}
	if (us >> 13) {
		us >>= 2;
		bits += 2;
	}
	if (us >> 12) {
		us >>= 1;
		bits += 1;
	}
	if (us >> 11) {
		us >>= 1;
		bits += 1;
	}
	return bits << 11 | us;
}

/* Adds a response time to a sum; 0: it is not known. */
static __always_inline void add_time(__u64 *times, __u16 *max, __u16 *last, __u32 us)
{
	__u16 code = shorten(us);

	if (!us) {
		if ((__u16)*times != 0xffff)
			*times += 1;
		return;
	}
	*times += (__u64)us << 16;
	*last = code;
	if (code > *max)
		*max = code;
}

/* Data that was sent since the last turn. */
struct answer {
	__u32 bytes;
	__u8 segs; /* low bits */
};

static __always_inline struct answer answer_of(const struct sock_state *st, struct tcp_sock *tp,
					       __u32 acked)
{
	struct answer answer = {
		.bytes = acked - st->acked + (tp->snd_nxt - tp->snd_una),
		.segs = tp->data_segs_out - st->turn_segs,
	};

	return answer;
}

/* True if it is more than a FIN. */
static __always_inline bool is_data(struct answer answer)
{
	return answer.segs || answer.bytes > 1;
}

/*
 * Our response time since the last turn; 0: not known. If no program has seen the first write: when
 * the kernel sent the first segment, which it keeps for the last flight only. All segments full but
 * the last: it was one write. A socket that has not been read for an hour does not tell how long.
 */
static __always_inline __u32 our_response(const struct sock_state *st, struct tcp_sock *tp,
					  struct answer answer)
{
	__u32 mss, us;

	if (!(st->flags & WAS_READ))
		return 0;
	if (st->answer_us)
		return st->answer_us;
	mss = tp->mss_cache;
	if (answer.segs == 1) {
		if (answer.bytes > mss)
			return 0;
	} else if (!mss || answer.bytes > ONE_FLIGHT * mss ||
		   answer.segs != (answer.bytes + mss - 1) / mss) {
		return 0;
	}
	if ((__u8)tp->total_retrans != st->turn_retrans ||
	    tp->first_tx_mstamp - tp->rcvq_space.time >= LONGEST_US / 2)
		return 0;
	us = (__u32)tp->first_tx_mstamp - st->newest_us;
	if ((__s32)us < 0 || (st->flags & IS_ROUGH && us < ROUGH_JIFFIES * jiffy_us))
		return 0;
	return us ?: 1;
}

/*
 * How long before the newest packet the oldest one arrived that is still in the receive queue, by
 * the peer's clock in milliseconds. The kernel has pulled the header off the data, but not cleared
 * it.
 */
static __always_inline __u32 arrival_spread_us(struct tcp_sock *tp)
{
	struct sk_buff_head *queue = &sock_of(tp)->sk_receive_queue;
	struct sk_buff *oldest = queue->next;
	__u32 option[2];
	__u32 ms;

	if ((void *)oldest == (void *)queue ||
	    bpf_probe_read_kernel(option, sizeof(option),
				  oldest->head + oldest->transport_header + 20) ||
	    option[0] != bpf_htonl(TIMESTAMP_OPTION))
		return 0;
	ms = tp->rx_opt.rcv_tsval - bpf_ntohl(option[1]);
	/* less is the rounding of their clock */
	return ms > 1 && ms < LONGEST_US / 1000 ? ms * 1000 : 0;
}

/* Data was read that arrived at this time. */
static __always_inline void take_turn(struct sock_state *st, struct tcp_sock *tp, __u32 acked,
				      __u64 arrival_us, bool is_rough)
{
	__u64 us = arrival_us - tp->first_tx_mstamp;
	bool is_one_packet = (__u16)(tp->data_segs_in - st->data_segs) == 1;
	__u32 spread_us = is_one_packet ? 0 : arrival_spread_us(tp);
	__u32 ours = our_response(st, tp, answer_of(st, tp, acked));

	add_time(&st->our_times, &st->our_max, &st->our_last, ours);

	if ((__u8)tp->total_retrans != st->turn_retrans)
		us = 0; /* sent several times: not known since when the peer has it */
	else if (!tp->first_tx_mstamp)
		us = 0; /* in the SYN, or before the socket was restored: no time was taken */
	else if (is_rough) /* the spread is more, as it counts from the newest packet, not data */
		us = (__s64)us >= ROUGH_JIFFIES * ((__s64)jiffy_us + spread_us) ? us : 0;
	else if (us > spread_us)
		us -= spread_us;
	else if (
		!us) /* a longer spread says nothing: of data from before, or not in milliseconds */
		us = 1;
	if (us > LONGEST_US)
		us = LONGEST_US;
	add_time(&st->peer_times, &st->peer_max, &st->peer_last, us);

	st->turns++;
	st->acked = acked;
	st->turn_retrans = tp->total_retrans;
	st->turn_segs = tp->data_segs_out;
	st->answer_us = 0;
}

/* A process has read from the socket. */
static __always_inline void follow_read(struct sock_state *st, struct tcp_sock *tp)
{
	__u64 arrival_us = tp->tcp_mstamp;
	__u32 arrived = tp->rcv_nxt;
	bool is_rough = false;
	__u32 age, acked;
	__s64 after;

	if (arrived == st->arrived)
		return;
	/* an older arrival than the clock of the socket: it was refreshed since */
	age = (__u32)bpf_jiffies64() - tp->inet_conn.icsk_ack.lrcvtime;
	if (age > 2) {
		__u64 now_us = bpf_ktime_get_ns() / 1000;

		if (now_us - arrival_us < (__u64)(age - 2) * jiffy_us) {
			arrival_us = now_us - (__u64)age * jiffy_us;
			is_rough = true;
		}
	}
	/* or what is sent last was sent after that: then the answer is yet to come */
	acked = acked_data(tp);
	after = is_rough ? (__s32)(tp->inet_conn.icsk_ack.lrcvtime - tp->lsndtime) :
			   (__s64)(arrival_us - tp->first_tx_mstamp);
	if (acked != st->acked && after >= 0)
		take_turn(st, tp, acked, arrival_us, is_rough);
	if (!st->first_data_us && st->established_ns) {
		__u64 us = (bpf_ktime_get_boot_ns() - st->established_ns) / 1000 ?: 1;

		st->first_data_us = us > LONGEST_US ? LONGEST_US : us;
	}
	st->data_segs = tp->data_segs_in;
	st->arrived = arrived;
	st->newest_us = arrival_us;
	st->flags = (st->flags & ~IS_ROUGH) | WAS_READ | MAY_ANSWER | (is_rough ? IS_ROUGH : 0);
}

/* A process is about to write to the socket, for the first time since it was read. */
static __always_inline void follow_write(struct sock_state *st, struct tcp_sock *tp)
{
	__u32 us, age;

	st->flags &= ~MAY_ANSWER;
	/* only if it is the first write since the last turn */
	if (!tp || st->answer_us || tp->write_seq != tp->snd_una || acked_data(tp) != st->acked)
		return;
	us = (__u32)(bpf_ktime_get_ns() / 1000) - st->newest_us;
	age = (__u32)bpf_jiffies64() - tp->inet_conn.icsk_ack.lrcvtime;
	if ((__u64)age * jiffy_us >= LONGEST_US)
		us = LONGEST_US;
	if (!(st->flags & IS_ROUGH) || us >= ROUGH_JIFFIES * jiffy_us)
		st->answer_us = us ?: 1;
}

/* The end that sent data last: by the jiffy, or if both did so in the same one, by what was read. */
static __always_inline bool spoke_last(const struct sock_state *st, struct tcp_sock *tp)
{
	__s32 later = tp->lsndtime - tp->inet_conn.icsk_ack.lrcvtime;

	if (later)
		return later > 0;
	return tp->rcv_nxt == st->arrived && is_data(answer_of(st, tp, acked_data(tp)));
}

static __always_inline void fill_turns(struct session_record *r, struct tcp_sock *tp,
				       const struct sock_state *st)
{
	__u32 now = bpf_jiffies64();
	struct answer answer = answer_of(st, tp, acked_data(tp));
	struct turns_record *t = &r->turns;

	t->peer_times = st->peer_times;
	t->our_times = st->our_times;
	t->turns = st->turns;
	t->answer_us = 0;
	if (st->flags & WAS_READ && is_data(answer))
		t->answer_us = our_response(st, tp, answer) ?: ~0U;
	t->first_data_us = st->first_data_us;
	t->since_sent = now - tp->lsndtime;
	t->since_received = now - tp->inet_conn.icsk_ack.lrcvtime;
	t->peer_max = st->peer_max;
	t->peer_last = st->peer_last;
	t->our_max = st->our_max;
	t->our_last = st->our_last;
	t->we_spoke_last = spoke_last(st, tp);
}

#endif
