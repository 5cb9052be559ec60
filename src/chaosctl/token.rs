//! `token`: headers that ask for a fault, and secrets to sign them with.

use crate::arguments::{Output, Token};
use crate::terminal::{self, shown};
use crate::{Outcome, asked, emit, keys};
use anyhow::{Context, anyhow, bail, ensure};
use squall_policy::{
    BAGGAGE_HEADER, FAULT_HEADER, MintError, Minted, Node, Report, TOKEN_HEADER, Value, base64, mint, wire,
    wire::Decode,
};
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// # Errors
/// When a file cannot be read or written, or the fault is none.
pub fn run(arguments: &Token) -> anyhow::Result<Outcome> {
    match &arguments.new_key {
        Some(path) => make_key(path)?,
        None => terminal::print(&told(&minted(arguments)?, arguments)?)?,
    }
    Ok(Outcome::Fine)
}

fn minted(arguments: &Token) -> anyhow::Result<Minted> {
    let (Some(file), Some(name), Some(fault)) = (&arguments.key_file, &arguments.name, &arguments.fault)
    else {
        bail!("give --key-file, --name and --fault");
    };
    let label: Node = Value::Text(name.clone()).into();
    let good = wire::Name::decode(&label, &mut Report::default()).is_some();
    ensure!(good, "--name {name:?} is not a DNS label: use a-z, 0-9 and `-`");
    let secret = wire::Secret::read(&keys::file(file)?).context("the file has no secret")?;
    let conditions = [("authority", &arguments.authority), ("path", &arguments.path)];
    let conditions = conditions.into_iter().filter_map(|(key, value)| value.as_ref().map(|v| (key, v)));
    let mut text = fault.clone();
    for (key, value) in conditions {
        ensure!(!value.contains([';', ',']), "--{key} {value:?}: a token cannot be bound to that");
        if let Some(why) = asked::mistake_of(key, value) {
            bail!("--{key}: {}", shown(&why));
        }
        text += &format!(";{key}={value}");
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let expires = (now + Duration::from(arguments.expires)).as_secs();
    mint(name, &secret.0, expires, &text).map_err(|error| match error {
        MintError::Fault => {
            let why =
                asked::mistake(text.trim_ascii()).unwrap_or_else(|| "it is longer than 512 bytes".to_owned());
            anyhow!("{:?} is no fault: {}", shown(&text), shown(&why))
        }
        MintError::Expiry => anyhow!("--expires {} is too long", arguments.expires),
    })
}

fn told(minted: &Minted, arguments: &Token) -> anyhow::Result<String> {
    let headers: Vec<(&str, String)> = match arguments.baggage {
        true => vec![(BAGGAGE_HEADER, minted.baggage())],
        false => vec![(FAULT_HEADER, minted.fault.clone()), (TOKEN_HEADER, minted.token.clone())],
    };
    match arguments.output {
        Output::Text => Ok(headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect()),
        output => emit::structured(&headers.into_iter().collect::<BTreeMap<_, _>>(), output),
    }
}

/// 32 bytes, as many as the hash has: more would add nothing.
fn make_key(path: &Path) -> anyhow::Result<()> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| anyhow!("the system has no entropy: {error}"))?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).with_context(|| format!("{} cannot be made", path.display()))?;
    writeln!(file, "{}", base64(&secret)).with_context(|| format!("{} cannot be written", path.display()))
}
