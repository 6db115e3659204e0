//! How `serve` is configured: by flags, then by environment variables, then by a file. What is nearer to hand wins.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::Args;
use forecourt_base::limits;
use forecourt_bus::outbound::Outlets;
use serde::Deserialize;

use crate::failure::Failure;
use crate::logging::LogFormat;

/// The data folder where none is named; the demo has its own, so that it never gets into a real one.
pub(crate) const DATA: &str = "forecourt-data";
const DEMO_DATA: &str = "forecourt-demo";
const LISTEN: &str = "127.0.0.1:8080";
const LOG: &str = "info";

const EXAMPLES: &str = "\
Every flag can also be given by an environment variable, FORECOURT_LOG_FORMAT for --log-format, FORECOURT_ORIGINS (separated
by commas) for --origin, and all but --config by the configuration file, `log_format = \"json\"`, `origins = [\"…\"]`. Flags win
over the environment, the environment over the file. A key of the file that is not known is an error.

The demo makes group `demo` with stores bj01 and sh01, a user per role, and records to try every area. All its users
have one password, printed once or given by FORECOURT_DEMO_PASSWORD.

Logs go to standard error, as JSON when that is no terminal. SIGTERM and SIGINT let running calls end; a second one does
not wait.

Examples:
  forecourt serve --demo
  forecourt serve --data /var/lib/forecourt --listen 0.0.0.0:8080
  forecourt serve --config /etc/forecourt.toml --log info,forecourt_runtime=debug";

/// The flags of `serve`.
#[derive(Debug, Default, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ServeFlags {
    /// The data folder [default: forecourt-data, with --demo forecourt-demo]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The address to listen on [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// Make a demo group with users and records; on loopback addresses only
    #[arg(long)]
    pub(crate) demo: bool,
    /// Keep everything in memory; needs --demo, for nobody could sign in
    #[arg(long, conflicts_with = "data")]
    pub(crate) ephemeral: bool,
    /// Show /metrics to every peer, not only to those of this machine
    #[arg(long)]
    pub(crate) public_metrics: bool,
    /// An address for /metrics alone; it is then shown there to every peer, and nowhere else
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) metrics_listen: Option<String>,
    /// A collector of traces that takes OTLP over http, such as http://127.0.0.1:4318 [default: none]
    #[arg(long, value_name = "URL")]
    pub(crate) otlp: Option<String>,
    /// Browsers come by https alone, through a proxy: cookies are marked Secure
    #[arg(long)]
    pub(crate) secure: bool,
    /// An origin such as https://kernel.example whose pages may use cookies, beside the kernel's own; may be repeated
    #[arg(long = "origin", value_name = "ORIGIN")]
    pub(crate) origins: Vec<String>,
    /// Mebibytes of files that each store, and each group as a whole, may have [default: 51200]
    #[arg(long, value_name = "MIB")]
    pub(crate) file_quota_mib: Option<u64>,
    /// An address that plugins' requests may go to though it is not public; for what runs beside the kernel, and tests. May be repeated
    #[arg(long, value_name = "IP")]
    pub(crate) outbound_private: Vec<IpAddr>,
    /// A host that plugins' requests may go to by http, without encryption; may be repeated
    #[arg(long, value_name = "HOST")]
    pub(crate) outbound_plain: Vec<String>,
    /// What to log: a level, and levels by target [default: info]
    #[arg(long, value_name = "FILTER")]
    pub(crate) log: Option<String>,
    /// The form of log lines [default: human on a terminal, else json]
    #[arg(long, value_enum, value_name = "FORM")]
    pub(crate) log_format: Option<LogFormat>,
    /// A configuration file in TOML
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// One source of configuration; its names are those of the file.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Layer {
    data: Option<PathBuf>,
    listen: Option<String>,
    demo: Option<bool>,
    ephemeral: Option<bool>,
    public_metrics: Option<bool>,
    metrics_listen: Option<String>,
    otlp: Option<String>,
    secure: Option<bool>,
    origins: Option<Vec<String>>,
    file_quota_mib: Option<u64>,
    outbound_private: Option<Vec<IpAddr>>,
    outbound_plain: Option<Vec<String>>,
    log: Option<String>,
    log_format: Option<LogFormat>,
}

/// What the environment says; a seam for tests.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What `serve` runs with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The data folder; none keeps everything in memory.
    pub(crate) data: Option<PathBuf>,
    pub(crate) listen: SocketAddr,
    pub(crate) demo: bool,
    pub(crate) public_metrics: bool,
    /// Where `/metrics` alone is served.
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// Where traces are sent.
    pub(crate) otlp: Option<String>,
    pub(crate) secure: bool,
    pub(crate) origins: Vec<String>,
    pub(crate) file_quota_bytes: u64,
    pub(crate) outlets: Outlets,
    pub(crate) log: String,
    pub(crate) log_format: Option<LogFormat>,
}

impl Settings {
    /// The settings of these flags, this environment and the file that either names.
    pub(crate) fn resolve(flags: &ServeFlags, environment: Environment<'_>) -> Result<Self, Failure> {
        let file = flags.config.clone().or_else(|| environment("FORECOURT_CONFIG").map(PathBuf::from));
        let file = file.map_or_else(|| Ok(Layer::default()), |path| Layer::from_file(&path))?;
        let environment = Layer::from_environment(environment)?;
        Layer::from_flags(flags).over(environment).over(file).settle()
    }
}

impl Layer {
    fn from_flags(flags: &ServeFlags) -> Self {
        Self {
            data: flags.data.clone(),
            listen: flags.listen.clone(),
            demo: flags.demo.then_some(true),
            ephemeral: flags.ephemeral.then_some(true),
            public_metrics: flags.public_metrics.then_some(true),
            metrics_listen: flags.metrics_listen.clone(),
            otlp: flags.otlp.clone(),
            secure: flags.secure.then_some(true),
            origins: (!flags.origins.is_empty()).then(|| flags.origins.clone()),
            file_quota_mib: flags.file_quota_mib,
            outbound_private: (!flags.outbound_private.is_empty()).then(|| flags.outbound_private.clone()),
            outbound_plain: (!flags.outbound_plain.is_empty()).then(|| flags.outbound_plain.clone()),
            log: flags.log.clone(),
            log_format: flags.log_format,
        }
    }

    fn from_environment(environment: Environment<'_>) -> Result<Self, Failure> {
        let value = |name: &str| environment(name).filter(|value| !value.is_empty());
        let switch = |name: &str| match value(name).as_deref() {
            None => Ok(None),
            Some("1" | "true") => Ok(Some(true)),
            Some("0" | "false") => Ok(Some(false)),
            Some(other) => Err(Failure::usage(format!("{name} is `{other}`: it must be true or false"))),
        };
        let log_format = match value("FORECOURT_LOG_FORMAT").as_deref() {
            None => None,
            Some("human") => Some(LogFormat::Human),
            Some("json") => Some(LogFormat::Json),
            Some(other) => {
                return Err(Failure::usage(format!("FORECOURT_LOG_FORMAT is `{other}`: it must be human or json")));
            }
        };
        let file_quota_mib = value("FORECOURT_FILE_QUOTA_MIB").map(|text| {
            text.parse()
                .map_err(|_| Failure::usage(format!("FORECOURT_FILE_QUOTA_MIB is `{text}`: it must be a number")))
        });
        let list =
            |name: &str| value(name).map(|all| all.split(',').map(|item| item.trim().to_owned()).collect::<Vec<_>>());
        let address = |text: &String| {
            text.parse()
                .map_err(|_| Failure::usage(format!("FORECOURT_OUTBOUND_PRIVATE: `{text}` is not an IP address")))
        };
        let outbound_private = list("FORECOURT_OUTBOUND_PRIVATE").map(|all| all.iter().map(address).collect());
        Ok(Self {
            outbound_private: outbound_private.transpose()?,
            outbound_plain: list("FORECOURT_OUTBOUND_PLAIN"),
            file_quota_mib: file_quota_mib.transpose()?,
            data: value("FORECOURT_DATA").map(PathBuf::from),
            listen: value("FORECOURT_LISTEN"),
            demo: switch("FORECOURT_DEMO")?,
            ephemeral: switch("FORECOURT_EPHEMERAL")?,
            public_metrics: switch("FORECOURT_PUBLIC_METRICS")?,
            metrics_listen: value("FORECOURT_METRICS_LISTEN"),
            otlp: value("FORECOURT_OTLP"),
            secure: switch("FORECOURT_SECURE")?,
            origins: value("FORECOURT_ORIGINS")
                .map(|all| all.split(',').map(|origin| origin.trim().to_owned()).collect()),
            log: value("FORECOURT_LOG"),
            log_format,
        })
    }

    fn from_file(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::usage(format!("the configuration file `{}` was not read: {error}", path.display()))
        })?;
        toml::from_str(&text).map_err(|error| {
            Failure::usage(format!(
                "the configuration file `{}` is wrong: {}",
                path.display(),
                error.to_string().trim()
            ))
        })
    }

    /// This layer, and what it does not say from the one below. A data folder and `ephemeral` exclude each other, so whichever layer
    /// names one of them decides both.
    fn over(self, below: Self) -> Self {
        let places_data = self.data.is_some() || self.ephemeral.is_some();
        let (data, ephemeral) = if places_data { (self.data, self.ephemeral) } else { (below.data, below.ephemeral) };
        Self {
            data,
            ephemeral,
            listen: self.listen.or(below.listen),
            demo: self.demo.or(below.demo),
            public_metrics: self.public_metrics.or(below.public_metrics),
            metrics_listen: self.metrics_listen.or(below.metrics_listen),
            otlp: self.otlp.or(below.otlp),
            secure: self.secure.or(below.secure),
            origins: self.origins.or(below.origins),
            file_quota_mib: self.file_quota_mib.or(below.file_quota_mib),
            outbound_private: self.outbound_private.or(below.outbound_private),
            outbound_plain: self.outbound_plain.or(below.outbound_plain),
            log: self.log.or(below.log),
            log_format: self.log_format.or(below.log_format),
        }
    }

    fn settle(self) -> Result<Settings, Failure> {
        let listen = address(self.listen.as_deref().unwrap_or(LISTEN))?;
        let (demo, ephemeral) = (self.demo.unwrap_or(false), self.ephemeral.unwrap_or(false));
        if ephemeral && self.data.is_some() {
            return Err(Failure::usage("`ephemeral` keeps everything in memory: name no data folder with it"));
        }
        if ephemeral && !demo {
            return Err(Failure::usage("an ephemeral kernel begins empty and nobody could sign in: add --demo"));
        }
        if demo && !listen.ip().is_loopback() {
            return Err(Failure::usage(format!(
                "`{listen}` can be reached from other machines, and the demo's users share one password: with --demo listen on 127.0.0.1"
            )));
        }
        let default = if demo { DEMO_DATA } else { DATA };
        let data = (!ephemeral).then(|| self.data.unwrap_or_else(|| default.into()));
        Ok(Settings {
            data,
            listen,
            demo,
            public_metrics: self.public_metrics.unwrap_or(false),
            metrics_listen: self.metrics_listen.as_deref().map(address).transpose()?,
            otlp: self.otlp,
            secure: self.secure.unwrap_or(false),
            origins: self.origins.unwrap_or_default(),
            file_quota_bytes: self
                .file_quota_mib
                .map_or(limits::STORE_FILES_BYTES as u64, |mib| mib.saturating_mul(1 << 20)),
            outlets: Outlets {
                private: self.outbound_private.unwrap_or_default().into_iter().collect(),
                plain: self.outbound_plain.unwrap_or_default().iter().map(|host| host.to_ascii_lowercase()).collect(),
            },
            log: self.log.unwrap_or_else(|| LOG.to_owned()),
            log_format: self.log_format,
        })
    }
}

fn address(text: &str) -> Result<SocketAddr, Failure> {
    // The one name that people type; any other could mean several addresses.
    let numeric = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    let numeric = numeric.as_deref().unwrap_or(text);
    numeric.parse().map_err(|_| {
        Failure::usage(format!("`{text}` is not an address with a port, such as `127.0.0.1:8080` or `[::1]:8080`"))
    })
}

#[cfg(test)]
mod tests;
