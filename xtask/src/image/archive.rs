//! An OCI image archive: one layer, its configuration, a manifest, an index (OCI image specification 1.0, "Image Layout").
//!
//! Everything that could differ from one build to the next is fixed: order, times, owners, the compressor's header.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context as _, Result};
use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

use super::root::{Entry, Root};

/// What was written.
#[derive(Debug)]
pub struct Made {
    /// The manifest's digest, by which the image can be named.
    pub digest: String,
    /// Bytes of the layer as it is stored and sent.
    pub compressed: u64,
    /// Bytes of the files.
    pub unpacked: u64,
    /// Bytes of the files by part.
    pub parts: BTreeMap<&'static str, u64>,
}

/// Writes a root file system as an image with one name.
///
/// # Errors
/// Something cannot be read or written.
pub fn write(root: &Root, name: &str, out: &Path) -> Result<Made> {
    let layer = Layer::of(root)?;
    let (oci, architecture) = ("application/vnd.oci.image", architecture());
    let config = json!({
        "architecture": architecture,
        "os": "linux",
        "config": {
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            "Labels": {
                "org.opencontainers.image.title": "weft",
                "org.opencontainers.image.version": super::version(),
                "org.opencontainers.image.licenses": "Apache-2.0",
            },
        },
        "rootfs": { "type": "layers", "diff_ids": [layer.plain_digest] },
    });
    let config = Blob::of(config.to_string().into_bytes());
    let layer_blob = Blob::of(layer.bytes);
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": format!("{oci}.manifest.v1+json"),
        "config": config.described(&format!("{oci}.config.v1+json")),
        "layers": [layer_blob.described(&format!("{oci}.layer.v1.tar+gzip"))],
    });
    let manifest = Blob::of(manifest.to_string().into_bytes());
    let mut entry = manifest.described(&format!("{oci}.manifest.v1+json"));
    entry["platform"] = json!({ "architecture": architecture, "os": "linux" });
    entry["annotations"] = json!({
        "io.containerd.image.name": name,
        "org.opencontainers.image.ref.name": name.rsplit(':').next(),
    });
    let index = json!({ "schemaVersion": 2, "mediaType": format!("{oci}.index.v1+json"), "manifests": [entry] });
    let digest = manifest.digest.clone();
    let compressed = layer_blob.bytes.len() as u64;
    store(out, &[config, layer_blob, manifest], &index).with_context(|| format!("writing {}", out.display()))?;
    Ok(Made { digest, compressed, unpacked: layer.parts.values().sum(), parts: layer.parts })
}

/// Its name for the machine that this program was built for, as images have it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// Bytes with their digest.
struct Blob {
    bytes: Vec<u8>,
    digest: String,
}

impl Blob {
    fn of(bytes: Vec<u8>) -> Blob {
        let digest = digest_of(&Sha256::digest(&bytes));
        Blob { bytes, digest }
    }

    /// As a manifest refers to it.
    fn described(&self, media_type: &str) -> Value {
        json!({ "mediaType": media_type, "digest": self.digest, "size": self.bytes.len() })
    }
}

fn digest_of(hash: &[u8]) -> String {
    let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}

/// The one layer.
struct Layer {
    bytes: Vec<u8>,
    /// Of what is inside the compression.
    plain_digest: String,
    parts: BTreeMap<&'static str, u64>,
}

impl Layer {
    fn of(root: &Root) -> Result<Layer> {
        let compressed = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::default());
        let mut tar = Builder::new(Hashing { inner: compressed, hash: Sha256::new() });
        let mut parts = BTreeMap::new();
        for (path, entry) in root.entries() {
            let size = append(&mut tar, path, entry).with_context(|| format!("packing {path}"))?;
            *parts.entry(root.part(path)).or_default() += size;
        }
        let Hashing { inner, hash } = tar.into_inner()?;
        Ok(Layer { bytes: inner.finish()?, plain_digest: digest_of(&hash.finalize()), parts })
    }
}

/// Appends one entry; the bytes of its file.
fn append(tar: &mut Builder<impl Write>, path: &str, entry: &Entry) -> Result<u64> {
    let mut header = Header::new_gnu();
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    match entry {
        Entry::Folder(mode) => {
            header.set_entry_type(EntryType::Directory);
            header.set_mode(*mode);
            header.set_size(0);
            tar.append_data(&mut header, format!("{path}/"), io::empty())?;
        }
        Entry::File(source, mode) => {
            let file = File::open(source).with_context(|| format!("reading {}", source.display()))?;
            header.set_mode(*mode);
            header.set_size(file.metadata()?.len());
            tar.append_data(&mut header, path, file)?;
        }
        Entry::Text(text) => {
            header.set_mode(0o644);
            header.set_size(text.len() as u64);
            tar.append_data(&mut header, path, text.as_bytes())?;
        }
        Entry::Link(target) => {
            header.set_entry_type(EntryType::Symlink);
            header.set_mode(0o777);
            header.set_size(0);
            tar.append_link(&mut header, path, target)?;
        }
    }
    Ok(header.size()?)
}

/// Writes the archive, whole or not at all.
fn store(out: &Path, blobs: &[Blob], index: &Value) -> Result<()> {
    if let Some(folder) = out.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let new = out.with_extension("new");
    let mut tar = Builder::new(BufWriter::new(File::create(&new)?));
    let mut files: Vec<(String, &[u8])> = Vec::new();
    for blob in blobs {
        files.push((format!("blobs/sha256/{}", blob.digest.trim_start_matches("sha256:")), &blob.bytes));
    }
    let (index, layout) = (index.to_string(), json!({ "imageLayoutVersion": "1.0.0" }).to_string());
    files.push(("index.json".into(), index.as_bytes()));
    files.push(("oci-layout".into(), layout.as_bytes()));
    files.sort();
    for (path, bytes) in files {
        let mut header = Header::new_gnu();
        header.set_mtime(0);
        header.set_mode(0o644);
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, path, bytes)?;
    }
    tar.into_inner()?.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    Ok(std::fs::rename(&new, out)?)
}

/// Hands bytes on and hashes them.
struct Hashing<W> {
    inner: W,
    hash: Sha256,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::{Duration, SystemTime};

    /// An image of a folder's one program, made `later` than now on a machine that keeps its files otherwise.
    fn image(folder: &Path, later: Duration, order: &[&str]) -> (Made, Vec<u8>) {
        let program = folder.join("program");
        std::fs::write(&program, "bytes").unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o640)).unwrap();
        File::options().write(true).open(&program).unwrap().set_modified(SystemTime::now() + later).unwrap();
        let mut root = Root::default();
        for path in order {
            root.put_file(path, &program, 0o755, "weft");
        }
        root.put("/lib", Entry::Link("usr/lib".into()));
        let out = folder.join("image.tar");
        (write(&root, "weft.dev/weft:1", &out).unwrap(), std::fs::read(out).unwrap())
    }

    #[test]
    fn the_same_files_make_the_same_bytes() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (a, first) = image(one.path(), Duration::ZERO, &["/usr/bin/a", "/usr/bin/b"]);
        let (b, second) = image(other.path(), Duration::from_secs(3600), &["/usr/bin/b", "/usr/bin/a"]);
        assert_eq!(a.digest, b.digest);
        assert_eq!(first, second);
        assert_eq!((a.unpacked, a.parts["weft"]), (10, 10));
    }

    #[test]
    fn what_the_index_names_is_there_with_that_digest() {
        let folder = tempfile::tempdir().unwrap();
        let (made, bytes) = image(folder.path(), Duration::ZERO, &["/usr/bin/a"]);
        let mut files = BTreeMap::new();
        for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().display().to_string();
            let mut content = Vec::new();
            io::Read::read_to_end(&mut entry, &mut content).unwrap();
            files.insert(path, content);
        }
        let blob = |digest: &Value| {
            let name = digest.as_str().unwrap();
            let content = &files[&format!("blobs/sha256/{}", &name[7..])];
            assert_eq!(digest_of(&Sha256::digest(content)), name);
            content.clone()
        };
        let index: Value = serde_json::from_slice(&files["index.json"]).unwrap();
        assert_eq!(index["manifests"][0]["digest"], made.digest.as_str());
        let manifest: Value = serde_json::from_slice(&blob(&index["manifests"][0]["digest"])).unwrap();
        let config: Value = serde_json::from_slice(&blob(&manifest["config"]["digest"])).unwrap();
        let layer = blob(&manifest["layers"][0]["digest"]);
        let mut plain = Vec::new();
        io::Read::read_to_end(&mut flate2::read::GzDecoder::new(layer.as_slice()), &mut plain).unwrap();
        assert_eq!(config["rootfs"]["diff_ids"][0], digest_of(&Sha256::digest(&plain)).as_str());
        let mut layer = tar::Archive::new(plain.as_slice());
        let paths: Vec<_> =
            layer.entries().unwrap().map(|e| e.unwrap().path().unwrap().display().to_string()).collect();
        assert_eq!(paths, ["lib", "usr/", "usr/bin/", "usr/bin/a"]);
    }
}
