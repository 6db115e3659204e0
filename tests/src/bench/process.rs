//! What a process takes of the machine.

use std::path::Path;

use rustix::process::Pid;

/// The resident memory of a process in bytes: all of it, and the part that no file stands behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resident {
    /// `VmRSS`.
    pub all_bytes: u64,
    /// `RssAnon`.
    pub anonymous_bytes: u64,
}

/// What `/proc` says of a process.
pub fn resident(pid: Pid) -> Resident {
    let status = std::fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).unwrap();
    Resident { all_bytes: kib(&status, "VmRSS:") * 1_024, anonymous_bytes: kib(&status, "RssAnon:") * 1_024 }
}

fn kib(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// The bytes that the files of a folder take on the disk; 0 where there is none. Files that go while they are counted are not counted.
pub fn disk_bytes(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    const BLOCK_BYTES: u64 = 512;
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let bytes = entries.filter_map(Result::ok).map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => disk_bytes(&entry.path()),
        Ok(metadata) => metadata.blocks() * BLOCK_BYTES,
        Err(_) => 0,
    });
    bytes.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_read_by_its_names() {
        let status = "Name:\tx\nVmRSS:\t   12 kB\nRssAnon:\t    7 kB\n";
        assert_eq!((kib(status, "VmRSS:"), kib(status, "RssAnon:")), (12, 7));
        let own = resident(rustix::process::getpid());
        assert!(own.anonymous_bytes > 0 && own.all_bytes > own.anonymous_bytes);
    }

    #[test]
    fn a_folder_takes_what_its_files_take() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("inner")).unwrap();
        std::fs::write(folder.path().join("inner/file"), vec![1; 10_000]).unwrap();
        assert!((10_000..100_000).contains(&disk_bytes(folder.path())));
        assert_eq!(disk_bytes(&folder.path().join("none")), 0);
    }
}
