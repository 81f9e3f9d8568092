//! Matching a session does not allocate: a million of them are tried while a user types.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use tcplife::testing::filter::Filter;
use tcplife::testing::model::{Comm, Reason, Session};
use tcplife::testing::sample::closed_session;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to the system's allocator with what it was given; the count is a thread's own Cell, which
// needs no allocation itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // a thread that exits may allocate and free memory when its Cell is gone
        let _ = ALLOCATIONS.try_with(|n| n.set(n.get() + 1));
        // SAFETY: the caller keeps to the contract of alloc.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps to the contract of dealloc, and the memory came from System.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn session(laddr: [u16; 8], comm: &str) -> Session {
    Session {
        srtt_us: 2000,
        rport: 443,
        laddr: laddr.into(),
        raddr: [10, 0, 0, 1].into(),
        comm: Comm::from(comm),
        reason: Reason::Refused,
        ..closed_session()
    }
}

#[test]
fn filter_matching_a_session_does_not_allocate() {
    let sessions = [
        session(
            [0xfe80, 0, 0, 0, 0x1111, 0x2222, 0x3333, 0x4444],
            "Web Content",
        ),
        session([0; 8], "ä日"),
    ];
    for text in [
        "",
        "port 443 and rtt > 1ms and comm curl",
        "not (addr 10.0.0.0/8,fe80::/10 or reason refused,timeout)",
        "fe80",
        "10.0 or curl or ÄÖ",
        "comm ~ ^(curl|wget)$ or addr ~ 4444$",
        "status ~ (?i)REF and user 0 and bytes > 1kB and not adopted",
    ] {
        let filter = Filter::parse(text).expect(text);
        let try_all = || sessions.iter().filter(|s| filter.matches(s)).count();
        try_all(); // a regular expression allocates its scratch space on first use
        let before = ALLOCATIONS.get();
        for _ in 0..100 {
            std::hint::black_box(try_all());
        }
        assert_eq!(ALLOCATIONS.get() - before, 0, "{text}");
    }
}
