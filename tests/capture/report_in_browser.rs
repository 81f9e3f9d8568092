//! Reports in a real browser, headless: they render in both color schemes, run nothing but their own script, and sort.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::requirements::PATIENCE;
use crate::sharing::{run, text};

/// Names of the browser.
const BROWSERS: [&str; 3] = ["chromium", "google-chrome", "chromium-browser"];
/// Time for the browser to start, on a busy machine.
const STARTED: Duration = Duration::from_secs(60);

/// A page in a browser, spoken to through pipes.
struct Page {
    browser: Child,
    to: File,
    messages: Receiver<Value>,
    /// Messages that were no answers.
    events: Vec<Value>,
    session: Option<String>,
    count: u64,
    _folder: tempfile::TempDir,
}

impl Page {
    /// Opens an empty page. `None`: there is no browser here.
    fn open() -> Option<Page> {
        let is_there = |name: &&&str| {
            let run = Command::new(name).arg("--version").output();
            run.is_ok_and(|out| out.status.success())
        };
        let Some(name) = BROWSERS.iter().find(is_there) else {
            // it is too large to be installed for the tests
            eprintln!("*** SKIPPED: none of {BROWSERS:?} is here");
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder");
        let path = text(folder.path()).to_owned();
        let script = format!(
            "mkfifo {path}/to {path}/from && exec {name} --headless --no-sandbox --disable-gpu --disable-dev-shm-usage \
             --remote-debugging-pipe --user-data-dir={path}/profile 3<{path}/to 4>{path}/from"
        );
        let mut command = Command::new("sh");
        command.args(["-c", &script]).env("HOME", &path);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let browser = command.spawn().expect("sh runs");
        let deadline = Instant::now() + STARTED;
        let made = || folder.path().join("from").exists();
        while !made() {
            assert!(Instant::now() < deadline, "no pipes");
            std::thread::sleep(Duration::from_millis(10));
        }
        // each waits for the other end
        let to = File::create(folder.path().join("to")).expect("a pipe");
        let from = File::open(folder.path().join("from")).expect("a pipe");
        let (tx, messages) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(from).split(0) {
                let Ok(message) = message else { return };
                let message = serde_json::from_slice(&message).expect("JSON");
                if tx.send(message).is_err() {
                    return;
                }
            }
        });
        let mut page = Page {
            browser,
            to,
            messages,
            events: Vec::new(),
            session: None,
            count: 0,
            _folder: folder,
        };
        let target = page.call("Target.createTarget", json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let attached = page.call("Target.attachToTarget", attach);
        page.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            page.call(&format!("{domain}.enable"), json!({}));
        }
        Some(page)
    }

    /// Calls a method, and returns its result.
    fn call(&mut self, method: &str, params: Value) -> Value {
        self.count += 1;
        let mut message = json!({"id": self.count, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        write!(self.to, "{message}\0").expect("the browser runs");
        loop {
            let message = self.messages.recv_timeout(STARTED).expect(method);
            if message["id"] == self.count {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
            self.events.push(message);
        }
    }

    /// The value of an expression.
    fn value(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "returnByValue": true});
        let result = self.call("Runtime.evaluate", params);
        assert!(
            result["exceptionDetails"].is_null(),
            "{expression}: {result}"
        );
        result["result"]["value"].clone()
    }

    /// Loads a file with a color scheme, in a window of that width.
    fn load(&mut self, file: &Path, scheme: &str, width: u32) {
        self.events.clear();
        let feature = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", json!({"features": feature}));
        let size = json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size);
        let url = format!("file://{}", text(file));
        self.call("Page.navigate", json!({"url": url}));
        let deadline = Instant::now() + PATIENCE;
        while self.value("document.readyState + location.protocol") != "completefile:" {
            assert!(Instant::now() < deadline, "it is not loaded");
        }
    }

    /// Events that must not happen: errors, dialogs, and requests for anything but itself.
    fn faults(&self) -> Vec<&Value> {
        let is_fault = |event: &&Value| match event["method"].as_str().unwrap_or_default() {
            "Runtime.exceptionThrown" | "Runtime.consoleAPICalled" | "Log.entryAdded" => true,
            "Page.javascriptDialogOpening" => true,
            "Network.requestWillBeSent" => event["params"]["type"] != "Document",
            _ => false,
        };
        self.events.iter().filter(is_fault).collect()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.browser.kill();
        let _ = self.browser.wait();
    }
}

/// Rows of sessions with names that would run or load something if they were taken for markup.
fn hostile() -> String {
    let names = [
        "<script>hit=1</",
        "<img src=x onerror=hit=1>",
        "'><svg/onload=hit=1>",
        "</table><h1>",
    ];
    let row = |i: usize| {
        let name = names[i % names.len()];
        let (reason, state) = [("local-fin", "established"), ("refused", "syn-sent")][i % 2];
        let row = json!({
            "event": "close", "time": format!("2026-11-30T03:12:{:02}.000000Z", i / 10), "pid": 1000 + i, "comm": name, "uid": 0,
            "owner": "connect", "laddr": "10.0.0.1", "lport": 20_000 + i, "raddr": "10.0.0.2", "rport": 443,
            "direction": "out", "tx_bytes": i * 7919 % 1009 * 1000, "rx_bytes": 1, "duration_us": 1500,
            "reason": reason, "state_before_close": state, "cookie": i + 1, "cgroup": format!("/system.slice/{name}.service"),
        });
        format!("{row}\n")
    };
    (0..200).map(row).collect()
}

/// The bytes that the sessions of the page have sent, from top to bottom.
const SENT: &str = "(() => {
    const table = [...document.querySelectorAll('table')].pop();
    const at = [...table.tHead.rows[0].cells].findIndex(cell => cell.textContent === 'TX');
    return [...table.tBodies[0].rows].map(row => Number(row.cells[at].dataset.n));
})()";
/// Clicks on that column.
const CLICK: &str = "[...[...document.querySelectorAll('table')].pop().tHead.rows[0].cells].find(c => c.textContent === 'TX').click()";

#[test]
fn report_in_a_browser_renders_in_both_schemes_runs_nothing_foreign_and_sorts() {
    let Some(mut page) = Page::open() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let (lines, report) = (folder.path().join("a.jsonl"), folder.path().join("a.html"));
    fs::write(&lines, hostile()).expect("a file");
    let out = run(&["--replay", text(&lines), "--report", text(&report)]);
    assert!(out.status.success(), "{out:?}");

    let mut lightness = Vec::new();
    for (scheme, width) in [("light", 1280), ("dark", 1280), ("light", 400)] {
        page.load(&report, scheme, width);
        assert_eq!(page.faults(), [&Value::Null; 0], "{scheme}");
        assert_eq!(page.value("typeof hit"), "undefined", "{scheme}");
        assert_eq!(
            page.value("document.querySelectorAll('img, h1 ~ h1, [onload], [onerror]').length"),
            0
        );
        assert_eq!(page.value("document.scripts.length"), 1, "{scheme}");
        // names are shown as they are
        assert_eq!(
            page.value("document.body.innerText.includes('<script>hit=1</')"),
            true
        );
        // the page is not wider than its window: tables scroll for themselves
        assert_eq!(
            page.value("document.documentElement.scrollWidth <= innerWidth"),
            true,
            "{width}"
        );
        assert_eq!(
            page.value("document.querySelector('svg.time').getBoundingClientRect().height > 40"),
            true
        );
        let sum = |what: &str| {
            format!(
                "getComputedStyle(document.body).{what}.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0)"
            )
        };
        let [background, text] =
            ["backgroundColor", "color"].map(|what| page.value(&sum(what)).as_i64());
        let (background, text) = (background.expect("a color"), text.expect("a color"));
        assert!(
            (background - text).abs() > 450,
            "{scheme}: {background} {text}"
        );
        lightness.push(background);
    }
    assert!(lightness[0] > lightness[1] + 450, "{lightness:?}");

    page.value(CLICK);
    let sent = |page: &mut Page| -> Vec<i64> {
        let values = page.value(SENT);
        let values = values.as_array().expect("rows").iter();
        values.map(|n| n.as_i64().expect("a number")).collect()
    };
    let down = sent(&mut page);
    assert_eq!(down.len(), 200);
    assert!(
        down.is_sorted_by(|a, b| a >= b) && down[0] > down[199],
        "{down:?}"
    );
    page.value(CLICK);
    assert!(sent(&mut page).is_sorted());
    assert_eq!(page.faults(), [&Value::Null; 0]);
}
