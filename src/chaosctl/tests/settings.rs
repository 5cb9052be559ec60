//! Files of proxies, the configuration file with its contexts, and what counts more than what.

mod run;

use run::{Ran, assert_golden, command};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::thread;
use tempfile::TempDir;

/// A control listener that only says that it is there.
fn proxy() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(&stream);
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {}
            let body = r#"{"state": "idle", "proxy": {"namespace": "shop", "service": "cart", "id": "c"}, "halt": {"by": "dana", "at": "now"}}"#;
            let _ = write!(&stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        }
    });
    url
}

/// A control listener that passes on the bodies that it gets.
fn recorder() -> (String, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (sender, receiver) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(&stream);
            let (mut line, mut length) = (String::new(), 0);
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                let lower = line.to_ascii_lowercase();
                length =
                    lower.strip_prefix("content-length:").map_or(length, |n| n.trim().parse().unwrap_or(0));
                line.clear();
            }
            let mut body = vec![0; length];
            if std::io::Read::read_exact(&mut reader, &mut body).is_ok() && length > 0 {
                let _ = sender.send(String::from_utf8_lossy(&body).into_owned());
            }
            let body = r#"{"state": "idle", "proxy": {"id": "c"}, "by": "x"}"#;
            let _ = write!(&stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        }
    });
    (url, receiver)
}

/// Where a person has their files.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }

    fn configure(&self, text: &str) {
        self.write("xdg/chaosctl/config.toml", text);
    }

    fn run(&self, line: &str) -> Ran {
        self.run_in(line, &[])
    }

    fn run_in(&self, line: &str, variables: &[(&str, &str)]) -> Ran {
        let words: Vec<&str> = line.split_whitespace().collect();
        let output = command(&words)
            .current_dir(self.0.path())
            .env("XDG_CONFIG_HOME", self.path("xdg"))
            .envs(variables.iter().copied())
            .output()
            .expect("chaosctl runs");
        Ran {
            code: output.status.code().expect("no signal"),
            out: String::from_utf8(output.stdout).expect("UTF-8"),
            err: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }
}

#[test]
fn a_file_of_proxies_has_one_a_line_with_comments_and_blank_lines() {
    let desk = Desk::new();
    let [a, b, c] = [proxy(), proxy(), proxy()];
    desk.write("proxies", &format!("# ours\n\n{a}  # the first\n  {b}\n{a}\r\n"));
    for line in ["status --proxies proxies", "status --proxy @proxies"] {
        let ran = desk.run(line);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.out.contains(&a) && ran.out.contains(&b), "{}", ran.out);
        assert_eq!(ran.out.lines().filter(|line| line.contains("idle")).count(), 2, "each once: {}", ran.out);
    }
    let both = desk.run(&format!("status --proxies proxies --proxy {c}"));
    assert!([&a, &b, &c].iter().all(|url| both.out.contains(url.as_str())), "{}", both.out);
}

#[test]
fn every_bad_line_is_told_at_once_with_its_place() {
    let desk = Desk::new();
    desk.write("proxies", "http://127.0.0.1:1\n  https://a:1\n# fine\nftp://b\nhttp://c:1/#x\n");
    desk.write("empty", "# nothing\n\n");
    let ran = desk.run("status --proxies proxies --proxies empty --proxy http://d:99999");
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    for wanted in [
        "proxies:2:3: https://a:1",
        "proxies:4:1: ftp://b",
        "proxies:5:1: http://c:1/#x",
        "empty has no proxy",
        "d:99999",
    ] {
        assert!(ran.err.contains(wanted), "{wanted}: {}", ran.err);
    }
    let missing = desk.run("status --proxy @nowhere");
    assert_eq!(missing.code, 2);
    assert!(missing.err.contains("cannot open nowhere, which should have proxies"), "{}", missing.err);
}

#[test]
fn a_flag_counts_more_than_the_environment_and_that_more_than_the_context() {
    let desk = Desk::new();
    let [flag, environment, context] = [proxy(), proxy(), proxy()];
    desk.configure(&format!("current_context = \"a\"\n[contexts.a]\nproxies = [\"{context}\"]\n"));
    let variables = [("CHAOSCTL_PROXY", environment.as_str())];
    let shown = |ran: Ran| {
        ran.out.lines().nth(1).unwrap_or(&ran.err).split(' ').next().unwrap_or_default().to_owned()
    };
    assert_eq!(shown(desk.run("status")), context);
    assert_eq!(shown(desk.run_in("status", &variables)), environment);
    assert_eq!(shown(desk.run_in(&format!("status --proxy {flag}"), &variables)), flag);
    desk.write("proxies", &flag);
    assert_eq!(shown(desk.run("status --proxies proxies")), flag, "and a file is a flag");
}

#[test]
fn a_file_of_proxies_is_a_flag_and_nothing_is_added_to_it() {
    let desk = Desk::new();
    let [flag, environment] = [proxy(), proxy()];
    desk.write("proxies", &flag);
    let ran = desk.run_in("status --proxies proxies", &[("CHAOSCTL_PROXY", &environment)]);
    assert!(ran.out.contains(&flag) && !ran.out.contains(&environment), "{}", ran.out);
}

/// Each is told apart by what the verb says of the value: the files are not there, the listeners do not answer.
#[test]
fn every_setting_counts_as_flag_then_variable_then_context_then_default() {
    let desk = Desk::new();
    let listener = proxy();
    let short = format!("start scenario=x duration=1m --proxy {listener}");
    let run = format!("run scenario=x duration=1m --proxy {listener} --preflight-only");
    for (key, variable, flag, line, default) in [
        ("proxies", "CHAOSCTL_PROXY", "--proxy http://F", "status", "127.0.0.1:9902"),
        ("key", "CHAOSCTL_KEY", "--key F", "stop", ""),
        ("catalog", "CHAOSCTL_CATALOG", "--catalog F", "list", "give a catalog"),
        ("prometheus", "CHAOSCTL_PROMETHEUS", "--prometheus https://F", run.as_str(), ""),
        ("timeout", "CHAOSCTL_TIMEOUT", "--timeout F", "status", ""),
        ("namespace", "CHAOSCTL_NAMESPACE", "namespace=F_", short.as_str(), ""),
    ] {
        let value = |word: &str| match key {
            "proxies" => format!("http://{word}/#x"),
            "prometheus" => format!("https://{word}"),
            "namespace" => format!("{word}_"),
            _ => word.to_owned(),
        };
        // What a context says is checked there; what is right there tells who wins as well.
        let right = match key {
            "proxies" => "http://c-context:1",
            "prometheus" => "http://c-context:1",
            "timeout" => "7s",
            "namespace" => "c-context",
            _ => "c-context",
        };
        desk.configure(&format!("current_context = \"a\"\n[contexts.a]\n{key} = \"{right}\"\n"));
        let variables = [(variable, value("e-variable"))];
        let variables: Vec<(&str, &str)> = variables.iter().map(|(a, b)| (*a, b.as_str())).collect();
        let flag = flag.replace('F', if key == "proxies" { "f-flag/#x" } else { "f-flag" });
        let told = |ran: Ran| ran.out + &ran.err;
        let both = told(desk.run_in(&format!("{line} {flag}"), &variables));
        assert!(both.contains("f-flag") && !both.contains("e-variable"), "{key}: {both}");
        let environment = told(desk.run_in(line, &variables));
        assert!(
            environment.contains("e-variable") && !environment.contains("c-context"),
            "{key}: {environment}"
        );
        let shown = |variables: &[(&str, &str)]| {
            let out = desk.run_in("context show", variables).out;
            out.lines().find(|line| line.starts_with(key)).unwrap_or_default().to_owned()
        };
        let context = shown(&[]);
        assert!(context.contains(right) && context.ends_with("context a"), "{context}");
        desk.configure("");
        assert!(shown(&[]).ends_with("default"), "{}", shown(&[]));
        assert!(default.is_empty() || told(desk.run(line)).contains(default), "{key}");
    }
}

#[test]
fn the_name_in_a_key_file_counts_more_than_an_operator_of_the_settings() {
    let desk = Desk::new();
    assert_eq!(desk.run("keygen carol").code, 0);
    desk.configure("current_context = \"a\"\n[contexts.a]\noperator = \"alice\"\n");
    desk.write("catalog.yaml", "version: 1\nscenarios: [{name: x, faults: [{delay: {fixed: 1s}}]}]\n");
    desk.write("mission.yaml", "version: 1\nid: m\nscenarios: [x]\nnamespace: shop\nduration: 1m\n");
    let sign = "sign --key carol.key --catalog catalog.yaml --mission mission.yaml --yes";
    for (more, name) in [("", "carol"), (" --as dave", "dave")] {
        let signed = desk.run(&format!("{sign}{more}"));
        assert!(signed.out.contains(&format!("\"keyid\": \"{name}\"")), "{}{}", signed.out, signed.err);
    }
    let (a, asked) = recorder();
    for (more, name) in [("", "carol"), (" --operator dave", "dave")] {
        desk.run(&format!("release --key carol.key --proxy {a}{more}"));
        let body = asked.recv_timeout(std::time::Duration::from_secs(20)).expect("a request");
        assert!(body.contains(&format!("\"keyid\":\"{name}\"")), "{body}");
    }
}

#[test]
fn a_context_is_chosen_by_flag_variable_or_file() {
    let desk = Desk::new();
    let [a, b] = [proxy(), proxy()];
    desk.write("xdg/chaosctl/b.proxies", &format!("{b}\n"));
    let config = format!(
        "# mine\ncurrent_context = \"a\"\n\n[contexts.a]\nproxies = \"{a}\"\n\n[contexts.b]\nproxies = [\"@b.proxies\"]\n"
    );
    desk.configure(&config);
    assert!(desk.run("status").out.contains(&a));
    assert!(desk.run("--context b status").out.contains(&b));
    assert!(desk.run("status --context=b").out.contains(&b), "also after the verb");
    assert!(desk.run_in("status", &[("CHAOSCTL_CONTEXT", "b")]).out.contains(&b));
    assert!(desk.run_in("status --context a", &[("CHAOSCTL_CONTEXT", "b")]).out.contains(&a));
    let listed = desk.run("context list");
    assert!(listed.out.contains("*  a     http") && listed.out.contains("   b     @"), "{}", listed.out);
    let used = desk.run("context use b");
    assert_eq!(used.code, 0, "{}", used.err);
    assert!(desk.run("status").out.contains(&b));
    let text = fs::read_to_string(desk.path("xdg/chaosctl/config.toml")).expect("a file");
    assert_eq!(text, config.replace("current_context = \"a\"", "current_context = \"b\""));
    let unknown = desk.run("status --context c");
    assert_eq!(unknown.code, 2);
    assert!(
        unknown.err.contains("there is no context \"c\"") && unknown.err.contains("a, b"),
        "{}",
        unknown.err
    );
    assert!(desk.run("context use c").err.contains("has no context \"c\"; it has: a, b"));
    // Another file, by flag and by variable.
    desk.write("other.toml", &format!("[contexts.z]\nproxies = [\"{a}\"]\n"));
    assert!(desk.run("--config other.toml --context z status").out.contains(&a));
    assert!(desk.run_in("status --context z", &[("CHAOSCTL_CONFIG", "other.toml")]).out.contains(&a));
    let missing = desk.run("--config nowhere.toml status");
    assert_eq!(missing.code, 2);
    assert!(missing.err.contains("cannot open nowhere.toml"), "{}", missing.err);
}

#[test]
fn all_of_a_context_counts_and_show_tells_where_it_comes_from() {
    let desk = Desk::new();
    let a = proxy();
    desk.write("catalog.yaml", "version: 1\nscenarios: [{name: x, faults: [{delay: {fixed: 1s}}]}]\n");
    desk.write("mission.yaml", "version: 1\nid: m\nscenarios: [x]\nnamespace: shop\nduration: 1m\nseed: s\n");
    desk.configure(&format!(
        "current_context = \"a\"\n[contexts.a]\nproxies = [\"{a}\"]\ncatalog = \"../../catalog.yaml\"\noperator = \"alice\"\ntimeout = \"1s\"\n\
         namespace = \"shop\"\nprometheus = \"http://127.0.0.1:9090\"\n"
    ));
    assert!(desk.run("list").out.contains("\nx "), "the catalog of the context");
    assert!(desk.run("show x").out.starts_with("x (low)"));
    assert!(desk.run("explain --mission mission.yaml --path / --request-id 1").out.contains('x'));
    let ran = desk.run_in("context show", &[("CHAOSCTL_NAMESPACE", "prod")]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for (key, value, from) in [
        ("operator", "alice", "context a"),
        ("namespace", "prod", "CHAOSCTL_NAMESPACE"),
        ("key", "-", "default"),
    ] {
        let line = ran.out.lines().find(|line| line.starts_with(key)).unwrap_or_default();
        assert!(line.contains(value) && line.ends_with(from), "{line}");
    }
    let json: serde_json::Value = serde_json::from_str(&desk.run("context show -o json").out).expect("JSON");
    assert_eq!(
        (&json["name"], &json["timeout"], &json["namespace"]),
        (&"a".into(), &"1s".into(), &"shop".into())
    );
    // An operator of the context is no mistake where no key is at hand.
    assert_eq!(desk.run("status").code, 0);
    let alone = Desk::new().run("stop --operator alice");
    assert_eq!(alone.code, 2);
    assert!(alone.err.contains("give `--key FILE`"), "{}", alone.err);
}

#[test]
fn help_and_the_names_of_contexts_are_no_verbs() {
    let desk = Desk::new();
    desk.configure("current_context = \"run\"\n[contexts.run]\nprometheus = \"http://127.0.0.1:9090\"\n");
    for words in ["help run", "--context run context list", "run --help"] {
        let ran = desk.run(words);
        assert_eq!(ran.code, 0, "{words}: {}", ran.err);
    }
    // What the context says counts as if it stood there.
    let ran = desk.run("run scenario=x duration=1m --guardrail nonsense");
    assert!(!ran.err.contains("required arguments"), "{}", ran.err);
    desk.configure("colour = true\n");
    let ran = desk.run("help run");
    assert_eq!(ran.code, 0, "a broken file: {}", ran.err);
}

#[test]
fn a_prometheus_that_no_run_could_ask_is_told_at_the_file() {
    let desk = Desk::new();
    desk.configure("[contexts.a]\nprometheus = \"https://prometheus:9090\"\n");
    let ran = desk.run("status");
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.contains("error[bad-format]") && ran.err.contains("opens no TLS connection"),
        "{}",
        ran.err
    );
}

#[test]
fn every_mistake_of_the_file_is_told_at_once_and_halt_halts_all_the_same() {
    let desk = Desk::new();
    desk.configure(
        "current_context = \"zz\"\ncolour = true\n\n[contexts.a]\nproxies = [\"https://a\", 7]\nkee = \"x\"\ntimeout = 5\noperator = \"Alice B\"\n\
         prometheus = \"localhost\"\nnamespace = \"shop\"\n[contexts.b]\ntimeout = \"soon\"\n",
    );
    let ran = desk.run("status");
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    let path = format!("{}/", desk.0.path().display());
    assert_golden("config.txt", &ran.err.replace(&path, ""));
    let a = proxy();
    let halted = desk.run(&format!("halt --proxy {a}"));
    assert_eq!(halted.code, 0, "{}", halted.err);
    assert!(
        halted.out.contains("halted by") && halted.err.contains("halting without it"),
        "{}{}",
        halted.out,
        halted.err
    );
    // What needs no settings works, too.
    assert_eq!(desk.run("completions bash").code, 0);
    desk.configure("a = [1\nb = = 2\n");
    let broken = desk.run("status");
    assert!(
        broken.code == 2 && broken.err.contains("error[syntax]") && broken.err.contains("config.toml:"),
        "{}",
        broken.err
    );
}

#[test]
fn a_wide_status_adds_whose_proxy_it_is() {
    let desk = Desk::new();
    let a = proxy();
    let wide = desk.run(&format!("status -o wide --proxy {a}")).out;
    let head = wide.lines().next().unwrap_or_default();
    assert!(head.contains("NEAREST GUARDRAIL  NAMESPACE  SERVICE") && head.ends_with("SEED"), "{wide}");
    assert!(wide.contains("shop       cart"), "{wide}");
    assert!(!desk.run(&format!("status --proxy {a}")).out.contains("SERVICE"));
    let none = desk.run(&format!("halt -o wide --proxy {a}"));
    assert_eq!(none.code, 2);
}

#[test]
fn without_a_file_there_are_no_contexts_and_that_is_said() {
    let desk = Desk::new();
    let listed = desk.run("context list");
    assert_eq!(listed.code, 0);
    assert!(listed.err.contains("there are no contexts: write [contexts.NAME] into"), "{}", listed.err);
    assert!(desk.run("context use a").err.contains("is not there: write [contexts.a] into it"));
    assert!(desk.run("--context a status").err.contains("there is no context \"a\""));
}
