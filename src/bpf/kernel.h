/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The few kernel types that the BPF programs read, reduced to the members that they read.
 *
 * preserve_access_index makes every access a CO-RE relocation: libbpf inserts the offsets of the
 * kernel that it loads into, so order and gaps here mean nothing, and no BTF is needed to build.
 *
 * A member with a configuration option or a version next to it is not in every kernel: it is read
 * only after bpf_core_field_exists().
 */
#ifndef TCPLIFE_KERNEL_H
#define TCPLIFE_KERNEL_H

typedef unsigned char __u8;
typedef signed char __s8;
typedef unsigned short __u16;
typedef short __s16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;
enum { false = 0, true = 1 };
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;

/* include/uapi/linux/bpf.h */
enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_SK_STORAGE = 24,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_NOEXIST = 1,
	BPF_F_NO_PREALLOC = 1 << 0,
	BPF_SK_STORAGE_GET_F_CREATE = 1 << 0,
	BPF_RB_NO_WAKEUP = 1 << 0,
	BPF_RB_FORCE_WAKEUP = 1 << 1,
	BPF_RB_AVAIL_DATA = 0,
};

/* include/linux/socket.h, include/uapi/linux/in.h, include/uapi/asm-generic/errno.h */
enum {
	AF_INET = 2,
	AF_INET6 = 10,
	IPPROTO_TCP = 6,
	IPPROTO_MPTCP = 262,
	ECONNABORTED = 103,
	ECONNRESET = 104,
};

/* include/net/tcp_states.h */
enum {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT = 2,
	TCP_SYN_RECV = 3,
	TCP_FIN_WAIT1 = 4,
	TCP_FIN_WAIT2 = 5,
	TCP_TIME_WAIT = 6,
	TCP_CLOSE = 7,
	TCP_CLOSE_WAIT = 8,
	TCP_LAST_ACK = 9,
	TCP_LISTEN = 10,
	TCP_CLOSING = 11,
	TCP_NEW_SYN_RECV = 12,
};

/* include/uapi/linux/if_ether.h, include/net/tcp.h */
enum {
	ETH_P_IP = 0x0800,
	ETH_P_IPV6 = 0x86dd,
	TCPHDR_SYN = 0x02,
	TCPHDR_ACK = 0x10,
};

/*
 * include/linux/skbuff.h, include/net/dst.h, include/uapi/linux/in_route.h and ipv6_route.h: bits of
 * a packet's route
 */
#define SKB_DST_NOREF 1UL
enum {
	DST_METADATA = 0x0080,
	RTCF_BROADCAST = 0x10000000,
	RTCF_MULTICAST = 0x20000000,
};
#define RTCF_LOCAL 0x80000000
#define RTF_LOCAL 0x80000000

/*
 * Inode numbers of namespaces begin at PROC_DYNAMIC_FIRST, and those of the first ones are a little
 * below it (include/linux/proc_fs.h, include/uapi/linux/nsfs.h).
 */
#define LEAST_NETNS 0xeffffff0

/* include/net/tcp.h: enum tcp_chrono; tcp_sock.chrono_stat begins with TCP_CHRONO_BUSY */
enum {
	TCP_CHRONO_UNSPEC = 0,
	TCP_CHRONO_BUSY = 1,
	TCP_CHRONO_RWND_LIMITED = 2,
	TCP_CHRONO_SNDBUF_LIMITED = 3,
};

/* include/uapi/linux/tcp.h: enum tcp_ca_state */
enum {
	TCP_CA_RECOVERY = 3,
	TCP_CA_LOSS = 4,
};

/* include/net/inet_connection_sock.h: values of icsk_pending */
enum { ICSK_TIME_LOSS_PROBE = 5 };

/* include/net/sock.h: enum sock_flags */
enum { SOCK_DEAD = 0, SOCK_DONE = 1 };

/* include/net/sock.h: bits of sk_userlocks */
enum { SOCK_BINDPORT_LOCK = 8 };

/* include/linux/sched.h */
enum { PF_KTHREAD = 0x00200000 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	__s64 counter;
} atomic64_t;

struct in6_addr {
	union {
		__u8 u6_addr8[16];
		__be32 u6_addr32[4];
	} in6_u;
};

struct list_head {
	struct list_head *next, *prev;
};

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net; /* CONFIG_NET_NS */
} possible_net_t;

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	unsigned char skc_ipv6only : 1;
	int skc_bound_dev_if;
	unsigned long skc_flags;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr; /* CONFIG_IPV6 */
	struct in6_addr skc_v6_rcv_saddr; /* CONFIG_IPV6 */
	atomic64_t skc_cookie;
};

struct net_device;

struct sk_buff {
	struct sk_buff *next;
	struct net_device *dev;
	struct sock_common *sk; /* a struct sock, or what begins like one */
	unsigned long _skb_refdst;
	int skb_iif;
	__be16 protocol;
	u16 transport_header;
	u16 network_header;
	unsigned char *head;
};

struct sk_buff_head {
	struct sk_buff *next;
};

struct socket;

typedef struct {
	int owned;
} socket_lock_t;

typedef struct {
	unsigned int val;
} kuid_t;

struct kernfs_node {
	__u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct sock_cgroup_data {
	struct cgroup *cgroup; /* Linux 5.15 and CONFIG_SOCK_CGROUP_DATA */
};

struct sock_reuseport {
	u16 num_socks;
};

struct sock {
	struct sock_common __sk_common;
	atomic_t sk_drops;
	u32 sk_ack_backlog;
	u32 sk_max_ack_backlog;
	struct sock_reuseport *sk_reuseport_cb;
	socket_lock_t sk_lock;
	struct sk_buff_head sk_receive_queue;
	u16 sk_protocol;
	int sk_err;
	kuid_t sk_uid;
	struct sock_cgroup_data sk_cgrp_data;
	u8 sk_userlocks : 4;
	struct socket *sk_socket;
	struct bpf_local_storage *sk_bpf_storage;
};

struct inet_sock {
	struct sock sk;
	__be16 inet_sport;
};

struct request_sock {
	struct request_sock *dl_next;
	struct sock *sk;
};

struct request_sock_queue {
	atomic_t qlen;
	struct request_sock *rskq_accept_head;
};

struct inet_connection_sock {
	struct inet_sock icsk_inet;
	struct request_sock_queue icsk_accept_queue;
	struct {
		__u32 lrcvtime;
	} icsk_ack;
	void *icsk_ulp_data;
	u8 icsk_ca_state : 5;
	u8 icsk_pending;
};

/* CONFIG_MPTCP and Linux 5.6 */
struct mptcp_subflow_context {
	u32 request_join : 1;
	u32 mp_join : 1;
	struct sock *conn;
};

struct minmax_sample {
	u32 t;
	u32 v;
};

struct minmax {
	struct minmax_sample s[3];
};

struct tcp_options_received {
	u32 rcv_tsval;
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	u64 bytes_received;
	u64 bytes_sent;
	u64 bytes_acked;
	u64 bytes_retrans;
	u32 data_segs_in;
	u32 data_segs_out;
	u32 segs_out;
	u32 delivered;
	u32 rcv_nxt;
	u32 rcv_wup;
	u32 rcv_wnd;
	u32 snd_wnd;
	u32 copied_seq;
	u32 snd_nxt;
	u32 snd_una;
	u32 write_seq;
	u32 mss_cache;
	u32 lsndtime;
	u64 tcp_mstamp;
	u64 first_tx_mstamp;
	struct {
		u64 time;
	} rcvq_space;
	struct tcp_options_received rx_opt;
	u32 srtt_us;
	u32 snd_cwnd;
	u32 total_retrans;
	u32 chrono_start;
	u32 chrono_stat[3];
	u8 chrono_type : 2;
	u8 repair : 1;
	bool is_mptcp; /* CONFIG_MPTCP and Linux 5.6 */
	struct minmax rtt_min;
	struct request_sock *fastopen_rsk;
	struct list_head tsorted_sent_queue;
};

struct net_device {
	possible_net_t nd_net;
};

struct dst_entry {
	struct net_device *dev;
	unsigned short flags;
};

struct rtable {
	struct dst_entry dst;
	unsigned int rt_flags;
};

struct rt6_info {
	struct dst_entry dst;
	u32 rt6i_flags;
};

struct pid_namespace;

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
};

struct nsproxy {
	struct net *net_ns;
};

struct task_struct {
	unsigned int flags;
	int pid;
	int tgid;
	u64 start_time;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	struct nsproxy *nsproxy;
	char comm[16];
};

struct socket {
	struct sock *sk;
};

struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

struct bpf_local_storage {
	struct hlist_head list;
};

struct bpf_local_storage_data {
	struct bpf_local_storage_map *smap;
	u8 data[0];
};

struct bpf_local_storage_elem {
	struct hlist_node snode;
	struct bpf_local_storage_data sdata;
};

struct file {
	atomic64_t f_count; /* before Linux 6.13 */
	struct {
		atomic64_t refcnt;
	} f_ref; /* since then */
};

struct bpf_map;

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
	u64 seq_num;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	struct file *file;
};

struct bpf_iter__bpf_map {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
};

struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
};

struct bpf_iter__bpf_sk_storage_map {
	struct bpf_iter_meta *meta;
	struct sock *sk;
	void *value;
};

#pragma clang attribute pop

#endif
