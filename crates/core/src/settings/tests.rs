//! The settings as an operator meets them.

use std::{io::Write, num::NonZeroUsize, time::Duration};

use super::*;

const STRATEGIES: [&str; 4] = ["balanced", "weighted", "dynamic_weighted", "first_available"];

fn load(environment: &[(&str, &str)]) -> Result<Loaded, Problems> {
    load_all(None, environment, &[])
}

fn load_all(file: Option<&str>, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Loaded, Problems> {
    let owned = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let mut on_disk = tempfile::NamedTempFile::new().unwrap();
    on_disk.write_all(file.unwrap_or_default().as_bytes()).unwrap();
    Settings::load(Sources {
        file: Some(on_disk.path().to_owned()),
        environment: owned(environment),
        flags: owned(flags),
        strategies: &STRATEGIES,
    })
}

#[test]
fn the_shipped_file_names_every_setting_with_the_default_of_the_code() {
    let mut findings = Findings::default();
    let (_, known) = check(&BTreeMap::new(), &STRATEGIES, &mut findings);
    let shipped = Layers::default().toml(Origin::Default, "shipped", SHIPPED, &mut findings).merge(&mut findings);
    assert_eq!(findings.problems, []);
    for (key, default) in &known {
        let found = shipped.get(*key).unwrap_or_else(|| panic!("{key} is missing in llm-router.toml"));
        assert_eq!(found.raw.text().as_ref(), Some(default), "{key}");
    }
    let names: Vec<&str> = known.iter().map(|(key, _)| *key).collect();
    for key in shipped.keys() {
        assert!(names.contains(&key.as_str()), "{key} stands in llm-router.toml but nothing reads it");
    }
}

#[test]
fn every_setting_of_the_shipped_file_has_its_sentence() {
    let lines: Vec<&str> = SHIPPED.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        if line.contains('=') && !line.starts_with('#') {
            assert!(
                lines[index - 1].starts_with("# ") && lines[index - 1].ends_with('.'),
                "line {}: {line}",
                index + 1
            );
        }
    }
}

#[test]
fn the_defaults_are_those_of_the_python_version() {
    let Loaded { settings, warnings } = load(&[]).unwrap();
    assert_eq!(warnings, []);
    assert_eq!((settings.server.host.as_str(), settings.server.port), ("0.0.0.0", 8080));
    assert_eq!((settings.server.prefix.as_str(), settings.server.workers.get()), ("/api", 2));
    assert_eq!(settings.upstream.timeouts.idle, Duration::from_secs(300));
    assert_eq!(settings.upstream.timeouts.total, None);
    assert_eq!(settings.models.config, PathBuf::from("resources/configs/models-config.json"));
    assert_eq!((settings.models.strategy.as_str(), settings.models.language.as_str()), ("balanced", "pl"));
    assert_eq!((settings.log.level, settings.log.file), (LogLevel::Info, Some("llm-router.log".into())));
    assert_eq!((settings.redis.hosts.len(), settings.redis.port, settings.metrics.enabled), (0, 6379, false));
}

#[test]
fn a_full_environment_of_the_python_version_starts() {
    let loaded = load(&[
        ("LLM_ROUTER_MINIMUM", "tak"),
        ("LLM_ROUTER_EXTERNAL_TIMEOUT", " 1_20 "),
        ("LLM_ROUTER_TIMEOUT", "+600"),
        ("LLM_ROUTER_LOG_LEVEL", "warning"),
        ("LLM_ROUTER_IN_DEBUG", "Yes"),
        ("LLM_ROUTER_EP_PREFIX", "proxy/v9/"),
        ("LLM_ROUTER_SERVER_TYPE", "GUNICORN"),
        ("LLM_ROUTER_SERVER_HOST", "127.0.0.1"),
        ("LLM_ROUTER_SERVER_PORT", "0"),
        ("LLM_ROUTER_SERVER_WORKERS_COUNT", "4"),
        ("LLM_ROUTER_SERVER_THREADS_COUNT", "16"),
        ("LLM_ROUTER_SERVER_WORKER_CLASS", "gevent"),
        ("LLM_ROUTER_USE_PROMETHEUS", "1"),
        ("LLM_ROUTER_BALANCE_STRATEGY", "first_available"),
        ("LLM_ROUTER_REDIS_HOST", "redis"),
        ("LLM_ROUTER_REDIS_PASSWORD", "hunter2"),
        ("LLM_ROUTER_MAX_REQUEST_BODY_SIZE", "1000"),
        ("PATH", "/bin"),
    ])
    .unwrap();
    let settings = loaded.settings;
    assert_eq!(settings.upstream.timeouts.response_header, Duration::from_secs(120));
    assert_eq!(settings.upstream.timeouts.total, Some(Duration::from_secs(600)));
    assert_eq!((settings.server.prefix.as_str(), settings.server.kind), ("/proxy/v9", ServerType::Gunicorn));
    assert_eq!((settings.log.level, settings.metrics.enabled), (LogLevel::Debug, true));
    assert_eq!(settings.server.max_body, NonZeroUsize::new(1000).unwrap());
    assert!(!format!("{:?}", settings.redis).contains("hunter2"));
    let warned: Vec<&str> = loaded.warnings.iter().map(|w| w.place.as_str()).collect();
    assert_eq!(warned, ["LLM_ROUTER_SERVER_THREADS_COUNT", "LLM_ROUTER_SERVER_WORKER_CLASS"]);
}

#[test]
fn flags_beat_the_environment_which_beats_the_file() {
    let file =
        Some("server_port = 1\nserver_host = \"a\"\nep_prefix = \"/x\"\ncors_origins = [\"http://a\", \"http://b\"]\n");
    let environment = [("LLM_ROUTER_SERVER_PORT", "2"), ("LLM_ROUTER_SERVER_HOST", "b")];
    let settings = load_all(file, &environment, &[("server-port", "3")]).unwrap().settings;
    assert_eq!((settings.server.port, settings.server.host.as_str(), settings.server.prefix.as_str()), (3, "b", "/x"));
    assert_eq!(settings.server.cors_origins, ["http://a", "http://b"]);
}

#[test]
fn all_problems_are_reported_at_once_each_with_its_place() {
    let file = "# comment\nlog_format = \"jsn\"\npool_size = 0\n";
    let environment = [
        ("LLM_ROUTER_SERVER_PORT", "70000"),
        ("LLM_ROUTER_USE_PROMETHEUS", "on"),
        ("LLM_ROUTER_BALANCE_STRATEGY", "wieghted"),
    ];
    let problems =
        load_all(Some(file), &environment, &[("connect-timeout", "soon"), ("ep-prefix", "/a?b")]).unwrap_err();
    let text = problems.to_string();
    for part in [
        "7 problems:",
        "LLM_ROUTER_SERVER_PORT = \"70000\": is not a whole number from 0 to 65535",
        "LLM_ROUTER_USE_PROMETHEUS = \"on\": is neither yes nor no",
        "write true (the Python version read \"on\" as false)",
        "LLM_ROUTER_BALANCE_STRATEGY = \"wieghted\": is not a balancing strategy; allowed: balanced, weighted, dynamic_weighted, first_available; did you mean \"weighted\"?",
        ":2: log_format = \"jsn\": is not known; allowed: text, json; did you mean \"json\"?",
        ":3: pool_size = \"0\": is not a whole number from 1 to 100000",
        "--connect-timeout = \"soon\": is not a number of seconds from 0.001 to 86400",
        "--ep-prefix = \"/a?b\": is not a URL prefix",
    ] {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
}

#[test]
fn settings_with_problems_can_still_be_looked_at() {
    let environment = [("LLM_ROUTER_SERVER_PORT", "x"), ("LLM_ROUTER_PROMPTS_DIR", "mine")];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let sources = Sources { file: None, environment, flags: Vec::new(), strategies: &STRATEGIES };
    let (settings, findings) = Settings::examine(sources);
    assert_eq!((settings.server.port, settings.models.prompts_dir), (8080, PathBuf::from("mine")));
    assert_eq!(findings.problems.len(), 1);
}

#[test]
fn an_unknown_name_is_a_warning_with_the_nearest_real_one() {
    let loaded = load_all(Some("log_levle = \"INFO\"\n"), &[("LLM_ROUTER_SERVER_PROT", "1")], &[]).unwrap();
    let warnings: Vec<String> = loaded.warnings.iter().map(Problem::to_string).collect();
    assert_eq!(warnings.len(), 2);
    assert!(
        warnings[0].ends_with(
            ":1: log_levle: is not a setting of this router and has no effect; the nearest name is log_level"
        ),
        "{}",
        warnings[0]
    );
    assert_eq!(
        warnings[1],
        "LLM_ROUTER_SERVER_PROT: is not a setting of this router and has no effect; the nearest name is LLM_ROUTER_SERVER_PORT"
    );
}

#[test]
fn minimum_set_to_a_false_word_refuses_to_start_and_says_what_to_set() {
    for word in ["0", "False", "no", ""] {
        let text = load(&[("LLM_ROUTER_MINIMUM", word)]).unwrap_err().to_string();
        assert!(text.contains("set LLM_ROUTER_MINIMUM=1"), "{text}");
    }
}

#[test]
fn a_protection_that_is_not_there_is_refused_rather_than_ignored() {
    let text = load(&[("LLM_ROUTER_FORCE_MASKING", "1")]).unwrap_err().to_string();
    assert!(text.contains("LLM_ROUTER_FORCE_MASKING = \"1\": asks for a protection"), "{text}");
    assert_eq!(load(&[("LLM_ROUTER_AUTH_ENABLED", "false")]).unwrap().warnings.len(), 1);
}

#[test]
fn broken_toml_and_a_missing_file_are_problems_not_panics() {
    let text = load_all(Some("server_port = \nx"), &[], &[]).unwrap_err().to_string();
    assert!(text.contains("1 problem:") && text.contains("line 1"), "{text}");
    let table = load_all(Some("[server_port]\nx = 1\n"), &[], &[]).unwrap_err().to_string();
    assert!(table.contains("server_port: is a table"), "{table}");
    let missing =
        Settings::load(Sources { file: Some("no/such.toml".into()), strategies: &STRATEGIES, ..Sources::default() });
    assert!(missing.unwrap_err().to_string().contains("no/such.toml: cannot be read"));
}

#[test]
fn the_prefix_is_normalised_and_may_be_empty() {
    for (text, prefix) in [("", ""), ("/", ""), ("api", "/api"), ("/api/", "/api"), ("a/b", "/a/b"), ("/v1", "/v1")] {
        assert_eq!(load(&[("LLM_ROUTER_EP_PREFIX", text)]).unwrap().settings.server.prefix, prefix, "{text:?}");
    }
    for text in ["/a//b", "/a b", "/../x", "/a#b", "/ü", "/{x}"] {
        assert!(load(&[("LLM_ROUTER_EP_PREFIX", text)]).is_err(), "{text:?}");
    }
}

proptest::proptest! {
    #[test]
    fn no_environment_panics(key in "[a-z_.]{0,20}", value in ".*") {
        let name = format!("{PREFIX}{}", key.to_ascii_uppercase());
        let _ = load(&[(&name, &value)]);
    }

    #[test]
    fn no_value_of_a_real_setting_panics(index in 0usize..40, value in ".*") {
        let key = SHIPPED.lines().filter(|l| !l.starts_with('#') && l.contains('=')).nth(index);
        if let Some(key) = key.and_then(|line| line.split(' ').next()) {
            let _ = load_all(None, &[], &[(key, &value)]);
        }
    }
}
