//! A copy of tcplife for users who may not see the folder of the build.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::requirements::TCPLIFE;

/// Copies tcplife to a folder that everybody may read. Returns the folder, which goes when it is dropped, and the path.
pub(crate) fn copy_for_everybody() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a directory for a copy of tcplife");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
    let copy = folder.path().join("tcplife");
    // not a link: a test gives it capabilities
    fs::copy(TCPLIFE, &copy).expect("room for a copy of tcplife");
    let path = copy.to_str().expect("a path that is text").to_owned();
    (folder, path)
}
