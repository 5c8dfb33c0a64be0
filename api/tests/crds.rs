//! The CRDs in `manifests/crds/` are those of the types (`cargo xtask generate` writes them).

use std::path::Path;

#[test]
fn manifests_are_as_the_types_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/crds");
    for crd in api::crds() {
        let name = format!("{}.yaml", crd.metadata.name.clone().expect("a CRD has a name"));
        let text = serde_yaml_ng::to_string(&crd).expect("a CRD is plain data");
        let stored = std::fs::read_to_string(folder.join(&name)).unwrap_or_default();
        let (_, stored) = stored.split_once('\n').unwrap_or_default();
        assert_eq!(stored, text, "{name} is not as the types say; run `cargo xtask generate`");
    }
}
