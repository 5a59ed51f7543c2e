// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! A model's folder that appears whole or not at all.

use crate::Failure;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// A model that is being written beside the place where it will be.
pub(super) struct Staged {
    target: PathBuf,
    stage: PathBuf,
    force: bool,
    /// Folders that did not exist before, innermost first.
    made: Vec<PathBuf>,
    done: bool,
}

impl Staged {
    /// Begins `repository/name`.
    ///
    /// # Errors
    /// If there is one already that may not be replaced, or folders cannot be made.
    pub(super) fn new(repository: &Path, name: &str, force: bool) -> Result<Self, Failure> {
        let target = repository.join(name);
        check(&target, force)?;
        let made = repository
            .ancestors()
            .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists())
            .map(Path::to_path_buf)
            .collect();
        let staged = Self {
            // In the repository, because renames work within a file system only.
            stage: repository.join(format!(".{name}.{}.tmp", std::process::id())),
            target,
            force,
            made,
            done: false,
        };
        fs::create_dir_all(&staged.stage)
            .map_err(|error| failure("make", &staged.target, &error))?;
        Ok(staged)
    }

    /// The folder of version 1.
    ///
    /// # Errors
    /// If it cannot be made.
    pub(super) fn version(&self) -> Result<PathBuf, Failure> {
        let folder = self.stage.join("1");
        fs::create_dir(&folder).map_err(|error| failure("make", &self.target, &error))?;
        Ok(folder)
    }

    /// Writes a file of text.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<(), Failure> {
        let write = || {
            let mut file = fs::File::create(self.stage.join(name))?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        };
        write().map_err(|error| failure("write", &self.target.join(name), &error))
    }

    /// Puts the folder in its place, and returns that.
    ///
    /// # Errors
    /// If it cannot be renamed; what was there before is there still.
    pub(super) fn finish(mut self) -> Result<PathBuf, Failure> {
        check(&self.target, self.force)?;
        let old = self.stage.with_extension("old");
        let replaces = self.target.exists();
        let rename = || {
            if replaces {
                fs::rename(&self.target, &old)?;
            }
            fs::rename(&self.stage, &self.target).inspect_err(|_| {
                if replaces {
                    // The first error is the one to report.
                    let _ = fs::rename(&old, &self.target);
                }
            })
        };
        rename().map_err(|error| failure("write", &self.target, &error))?;
        self.done = true;
        if replaces {
            fs::remove_dir_all(&old).map_err(|error| failure("remove", &old, &error))?;
        }
        Ok(self.target.clone())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.done {
            // What is left is of no use; the error that led here is the one to report.
            let _ = fs::remove_dir_all(&self.stage);
            for folder in &self.made {
                let _ = fs::remove_dir(folder);
            }
        }
    }
}

/// Whether a model may be put at `target`.
fn check(target: &Path, force: bool) -> Result<(), Failure> {
    if target.symlink_metadata().is_err() {
        return Ok(());
    }
    if !force {
        return Err(format!(
            "there is a model of this name already; give another --name, or --force to replace it: {}",
            target.display()
        )
        .into());
    }
    if target.join("config.pbtxt").is_file() && !target.is_symlink() {
        return Ok(());
    }
    Err(format!(
        "what is there is no model of a Triton repository (it has no config.pbtxt); remove it yourself or give another --name: {}",
        target.display()
    )
    .into())
}

fn failure(verb: &str, path: &Path, error: &io::Error) -> Failure {
    format!(
        "cannot {verb} the model repository: {error}: {}",
        path.display()
    )
    .into()
}
