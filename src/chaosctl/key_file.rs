//! Private keys in files: PEM of PKCS#8 (RFC 8410), as OpenSSL reads and writes them, with the operator's name above it.

use anyhow::{Context, anyhow, bail, ensure};
use ed25519_dalek::SigningKey;
use squall_policy::{base64, from_base64};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
const NAME: &str = "Squall operator: ";
/// What stands before the 32 bytes of a private key: version 0, algorithm Ed25519, an octet string within another.
const PREFIX: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
/// Largest file that is read as a key.
const LARGEST: u64 = 64 * 1024;

/// A private key and whose it is.
pub struct KeyFile {
    pub name: Option<String>,
    pub key: SigningKey,
}

impl KeyFile {
    /// # Errors
    /// When others can read the file too, or it holds no Ed25519 key.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let file = File::open(path).with_context(|| format!("{shown} cannot be opened"))?;
        // The open file is asked, not the path, which may lead elsewhere by then.
        ensure_private(&file, path)?;
        let mut text = String::new();
        file.take(LARGEST).read_to_string(&mut text).with_context(|| format!("{shown} cannot be read"))?;
        let name = text.lines().find_map(|line| line.strip_prefix(NAME)).map(|name| name.trim().to_owned());
        let key = parse(&text).with_context(|| {
            format!("{shown} holds no private key of Ed25519 in PEM; `chaosctl keygen` makes one")
        })?;
        Ok(Self { name, key })
    }

    /// Writes a file that is not there yet and that only its owner can read.
    ///
    /// # Errors
    /// When there is such a file, or it cannot be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let shown = path.display();
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                anyhow!("{shown} is there already, and no key is overwritten")
            }
            _ => anyhow!("{shown} cannot be made: {error}"),
        })?;
        let name = self.name.iter().map(|name| format!("{NAME}{name}\n")).collect::<String>();
        let der = standard(&[&PREFIX[..], self.key.as_bytes()].concat());
        write!(file, "{name}{BEGIN}\n{der}\n{END}\n").with_context(|| format!("{shown} cannot be written"))
    }
}

fn parse(text: &str) -> Option<SigningKey> {
    let (_, rest) = text.split_once(BEGIN)?;
    let (body, _) = rest.split_once(END)?;
    let der = from_base64(body.split_whitespace().collect::<String>().as_bytes())?;
    let seed: &[u8; 32] = der.strip_prefix(&PREFIX)?.try_into().ok()?;
    Some(SigningKey::from_bytes(seed))
}

#[cfg(unix)]
fn ensure_private(file: &File, path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = file
        .metadata()
        .with_context(|| format!("{} cannot be looked at", path.display()))?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        bail!(
            "{} can be read by others (mode {:03o}): make it yours with `chmod 600`",
            path.display(),
            mode & 0o777
        );
    }
    Ok(())
}

#[cfg(not(unix))]
fn ensure_private(_: &File, _: &Path) -> anyhow::Result<()> {
    Ok(())
}

/// A new pair.
///
/// # Errors
/// When the system has no entropy.
pub fn fresh(name: &str) -> anyhow::Result<KeyFile> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| anyhow!("the system has no entropy: {error}"))?;
    Ok(KeyFile { name: Some(name.to_owned()), key: SigningKey::from_bytes(&seed) })
}

/// Base64 in the usual alphabet with padding, as PEM and envelopes have it.
pub fn standard(bytes: &[u8]) -> String {
    let text = base64(bytes).replace('-', "+").replace('_', "/");
    let padding = "=".repeat(text.len().next_multiple_of(4) - text.len());
    text + &padding
}

/// Checks a name as proxies do.
///
/// # Errors
/// When it is none.
pub fn ensure_name(name: &str) -> anyhow::Result<()> {
    use squall_policy::{Report, Value, wire, wire::Decode};
    let good = wire::Name::decode(&Value::Text(name.to_owned()).into(), &mut Report::default()).is_some();
    ensure!(good, "{name:?} is no name of an operator: use 1 to 63 of a-z, 0-9 and `-`");
    Ok(())
}
