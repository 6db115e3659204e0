use std::io::Write;

use super::*;

fn resolve(flags: ServeFlags, environment: &[(&str, &str)]) -> Result<Settings, String> {
    let find = |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    Settings::resolve(&flags, &find).map_err(|failure| {
        assert_eq!(failure.exit(), crate::failure::Exit::Usage);
        failure.to_string()
    })
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn listen(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

#[test]
fn nothing_given_means_the_defaults() {
    let settings = resolve(ServeFlags::default(), &[]).unwrap();
    let expected = Settings {
        data: Some(DATA.into()),
        listen: listen(8080),
        demo: false,
        public_metrics: false,
        metrics_listen: None,
        otlp: None,
        secure: false,
        origins: Vec::new(),
        file_quota_bytes: 50 << 30,
        outlets: Outlets::default(),
        log: "info".to_owned(),
        log_format: None,
    };
    assert_eq!(settings, expected);
    let demo = resolve(ServeFlags { demo: true, ..ServeFlags::default() }, &[]).unwrap();
    assert_eq!(demo.data, Some(DEMO_DATA.into()));
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let file = file("data = \"/file\"\nlisten = \"127.0.0.1:1\"\nlog = \"warn\"\nlog_format = \"json\"\n");
    let flags = || ServeFlags {
        listen: Some("localhost:3".to_owned()),
        config: Some(file.path().into()),
        ..ServeFlags::default()
    };
    let environment = [("FORECOURT_LISTEN", "127.0.0.1:2"), ("FORECOURT_LOG", "debug")];
    let settings = resolve(flags(), &environment).unwrap();
    assert_eq!(settings.listen, listen(3), "flag");
    assert_eq!(settings.log, "debug", "environment");
    assert_eq!(settings.data, Some("/file".into()), "file");
    assert_eq!(settings.log_format, Some(LogFormat::Json), "file");
    let without_flag = ServeFlags { listen: None, ..flags() };
    assert_eq!(resolve(without_flag, &environment).unwrap().listen, listen(2), "environment");
}

#[test]
fn the_environment_can_name_the_file() {
    let file = file("demo = true\n");
    let path = file.path().to_str().unwrap();
    assert!(resolve(ServeFlags::default(), &[("FORECOURT_CONFIG", path)]).unwrap().demo);
    assert!(!resolve(ServeFlags::default(), &[("FORECOURT_CONFIG", path), ("FORECOURT_DEMO", "false")]).unwrap().demo);
}

#[test]
fn what_browsers_may_do_comes_from_any_layer() {
    let file = file("origins = [\"https://a.example\"]\nsecure = true\n");
    let flags = || ServeFlags { config: Some(file.path().into()), ..ServeFlags::default() };
    let settings = resolve(flags(), &[("FORECOURT_PUBLIC_METRICS", "true")]).unwrap();
    assert!(settings.secure && settings.public_metrics);
    assert_eq!(settings.origins, ["https://a.example"]);
    let settings = resolve(flags(), &[("FORECOURT_ORIGINS", "https://b.example, https://c.example")]).unwrap();
    assert_eq!(settings.origins, ["https://b.example", "https://c.example"]);
}

#[test]
fn the_layer_that_places_the_data_decides_alone() {
    let file = file("data = \"/file\"\n");
    let flags = ServeFlags { ephemeral: true, demo: true, config: Some(file.path().into()), ..ServeFlags::default() };
    assert_eq!(resolve(flags, &[]).unwrap().data, None);
    let flags = ServeFlags { data: Some("/flag".into()), ..ServeFlags::default() };
    let environment = [("FORECOURT_EPHEMERAL", "1"), ("FORECOURT_DEMO", "1")];
    assert_eq!(resolve(flags, &environment).unwrap().data, Some("/flag".into()));
}

#[test]
fn what_is_wrong_is_named() {
    let unknown = file("lisen = \"127.0.0.1:1\"\n");
    let mistyped = file("demo = \"yes\"\n");
    let with_file =
        |file: &tempfile::NamedTempFile| ServeFlags { config: Some(file.path().into()), ..ServeFlags::default() };
    let listen = |address: &str| ServeFlags { listen: Some(address.to_owned()), ..ServeFlags::default() };
    let cases = [
        (with_file(&unknown), "unknown field `lisen`"),
        (with_file(&mistyped), "invalid type: string \"yes\", expected a boolean"),
        (ServeFlags { config: Some("/nowhere.toml".into()), ..ServeFlags::default() }, "`/nowhere.toml` was not read"),
        (listen("8080"), "`8080` is not an address with a port"),
        (listen("example.com:80"), "is not an address with a port"),
        (ServeFlags { demo: true, ..listen("0.0.0.0:8080") }, "`0.0.0.0:8080` can be reached from other machines"),
        (ServeFlags { ephemeral: true, ..ServeFlags::default() }, "nobody could sign in: add --demo"),
        (
            ServeFlags { ephemeral: true, demo: true, data: Some("/x".into()), ..ServeFlags::default() },
            "name no data folder with it",
        ),
    ];
    for (flags, why) in cases {
        let error = resolve(flags, &[]).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
    for (name, value) in [("FORECOURT_DEMO", "yes"), ("FORECOURT_LOG_FORMAT", "xml")] {
        let error = resolve(ServeFlags::default(), &[(name, value)]).unwrap_err();
        assert!(error.contains(name) && error.contains(value), "{error}");
    }
}
