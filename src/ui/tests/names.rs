//! Names of addresses and ports.

use std::net::IpAddr;
use std::time::Duration;

use super::*;
use crate::host::resolver::Answer;
use crate::host::services::{NoServices, Services};

pub fn named(size: Size) -> App {
    let mut app = app(size);
    press(&mut app, "n");
    for (addr, name) in [
        (
            "198.51.100.7",
            Some("crawler-198-51-100-7.search.example.com"),
        ),
        ("203.0.113.80", Some("mirror.example")),
        ("10.0.0.5", Some("web-3")),
        ("192.0.2.77", None),
    ] {
        app.named(Answer {
            addr: addr.parse().expect("an address"),
            name: name.map(Into::into),
            ttl: Duration::from_secs(60),
        });
    }
    if press(&mut app, "N") == Some(Effect::Services) {
        app.services(Ok(Services::parse(
            "ssh 22/tcp\nhttp 80/tcp\nhttps 443/tcp\n",
        )));
    }
    app
}

#[test]
fn port_names_without_a_services_file_show_a_notice() {
    let mut app = app(SIZE);
    for _ in 0..2 {
        // every press tries again: the list may have been installed meanwhile
        assert_eq!(press(&mut app, "N"), Some(Effect::Services));
        app.services(Err(NoServices::Missing));
        let shown = screen(&app, SIZE);
        let notice = "/etc/services does not exist: ports are shown as numbers";
        assert!(
            shown.contains(notice) && !shown.contains("names: ports"),
            "{shown}"
        );
    }
}

#[test]
fn names_are_requested_only_for_addresses_on_the_screen() {
    let addresses =
        |app: &App| -> Vec<String> { app.unnamed().iter().map(IpAddr::to_string).collect() };
    let mut low = app(Size {
        width: 80,
        height: 9,
    });
    assert_eq!(addresses(&low), [] as [&str; 0], "off at first");
    press(&mut low, "n");
    // 80 cells have no room for the local address
    assert_eq!(
        addresses(&low),
        [
            "198.51.100.7",
            "2001:db8:1111:2222:3333:4444:5555:6666",
            "192.0.2.77",
            "10.0.0.9"
        ]
    );
    press(&mut low, "G");
    assert_eq!(addresses(&low), ["10.0.0.9", "::1", "203.0.113.80"]);
    press(&mut low, "?");
    assert_eq!(addresses(&low), [] as [&str; 0]);
    press(&mut low, "? g Enter");
    assert_eq!(addresses(&low), ["198.51.100.7", "10.0.0.5"]);
    press(&mut low, "Esc n");
    assert_eq!(addresses(&low), [] as [&str; 0]);
    // a known name, or the fact that there is none, is not looked up again
    let mut app = named(SIZE);
    assert_eq!(
        addresses(&app),
        ["2001:db8:1111:2222:3333:4444:5555:6666", "10.0.0.9", "::1"]
    );
    app.batch(Batch {
        taken_ns: 71 * S,
        ..sessions()
    });
    assert_eq!(addresses(&app).len(), 6, "after a minute");
}

#[test]
fn names_in_the_detail_are_shown_beside_the_addresses() {
    let mut app = named(SIZE);
    press(&mut app, "Enter");
    let shown = screen(&app, SIZE);
    assert!(
        shown.contains("10.0.0.5:443 ← 198.51.100.7:50001"),
        "{shown}"
    );
    let names = "web-3:https ← crawler-198-51-100-7.search.example.com:50001";
    assert!(shown.contains(names), "{shown}");
    press(&mut app, "n N");
    assert!(!screen(&app, SIZE).contains("crawler"));
}

#[test]
fn names_are_shown_in_top_talkers() {
    let mut app = named(SIZE);
    press(&mut app, "Tab Tab");
    assert!(
        screen(&app, SIZE).contains("mirror.example"),
        "{}",
        screen(&app, SIZE)
    );
    press(&mut app, "Tab");
    assert!(
        screen(&app, SIZE).contains("https "),
        "{}",
        screen(&app, SIZE)
    );
    // the filter uses the address
    press(&mut app, "Shift-Tab g Enter");
    assert_eq!(app.view_filter.filter.source(), "raddr 198.51.100.7");
}

#[test]
fn names_are_shown_in_failures() {
    let mut app = super::screens::web_server(SIZE, 500);
    press(&mut app, "f");
    assert!(screen(&app, SIZE).contains("→ 10.0.0.9:"));
    assert_eq!(app.unnamed(), [] as [IpAddr; 0]);
    press(&mut app, "n");
    let db: IpAddr = "10.0.0.9".parse().expect("an address");
    assert!(app.unnamed().contains(&db));
    app.named(Answer {
        addr: db,
        name: Some("db-1.example".into()),
        ttl: Duration::from_secs(60),
    });
    assert!(screen(&app, SIZE).contains("→ db-1.example:"));
    assert!(!app.unnamed().contains(&db));
}
