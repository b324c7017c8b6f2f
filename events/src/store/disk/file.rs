//! The directory of a store and the database file in it.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use redb::{
    Database, Key, ReadOnlyTable, ReadableTable, ReadableTableMetadata, StorageBackend, Value,
    backends::FileBackend,
};

use super::{
    failure::DiskFailure,
    schema::{BIRTH, CURRENT_FORMAT, EVENTS, FLOORS, FORMAT, LOGS, MEMORIES, MEMORY_ORDER, META},
};
use crate::StoreError;

/// The memory for pages of the file, in bytes.
const CACHE: usize = 16 << 20;

/// The size up to which the file is verified whenever it is opened, in bytes. A larger one is
/// verified only after a crash, which the database does by itself.
const VERIFIED: u64 = 1 << 30;

/// The directory of a store, locked for this process.
#[derive(Debug)]
pub(super) struct StoreDirectory {
    path: PathBuf,
    /// Held for its lock, also while the database is being opened again.
    _lock: FileBackend,
}

/// An open database.
#[derive(Debug)]
pub(super) struct OpenDatabase {
    pub(super) database: Database,
    /// Whether the operating system could not write what it had accepted.
    pub(super) sync_failed: Arc<AtomicBool>,
}

impl StoreDirectory {
    /// Locks a directory, and creates it if its parent is there.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let failed = |what| move |error: io::Error| StoreError::new(what).with_source(error);
        match fs::create_dir(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(failed("the directory of the events cannot be created")(
                    error,
                ));
            }
            _ => (),
        }
        let lock = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path.join("lock"))
            .map_err(failed("the directory of the events cannot be used"))?;
        let lock = FileBackend::new(lock).map_err(|error| {
            DiskFailure::from(error)
                .into_store_error("the directory of the events cannot be locked")
        })?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Opens the database, and creates it if there is none.
    pub(super) fn open_database(&self, now: u64) -> Result<OpenDatabase, DiskFailure> {
        DiskFailure::guard(|| {
            let path = self.database_path();
            if !path.try_exists()? {
                self.create_database(&path, now)?;
            }
            Ok(())
        })?;
        self.reopen_database()
    }

    /// Opens a database that is there.
    pub(super) fn reopen_database(&self) -> Result<OpenDatabase, DiskFailure> {
        DiskFailure::guard(|| {
            let path = self.database_path();
            let len = fs::metadata(&path)?.len();
            if len == 0 {
                return Err(DiskFailure::Damaged("the file is empty"));
            }
            let mut open = open_file(&path)?;
            check_format(&open.database)?;
            if len <= VERIFIED {
                open.verify()?;
            }
            Ok(open)
        })
    }

    fn database_path(&self) -> PathBuf {
        self.path.join("events.redb")
    }

    /// Creates a database beside its place, and moves it there when it is complete.
    fn create_database(&self, path: &Path, now: u64) -> Result<(), DiskFailure> {
        let new = self.path.join("events.new");
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => (),
        }
        let open = open_file(&new)?;
        open.create(now)?;
        drop(open);
        fs::rename(&new, path)?;
        #[cfg(unix)]
        File::open(&self.path)?.sync_all()?;
        Ok(())
    }
}

fn check_format(database: &Database) -> Result<(), DiskFailure> {
    let tx = database.begin_read()?;
    let meta = tx.open_table(META)?;
    let format = meta.get(FORMAT)?.map(|it| it.value());
    match format {
        Some(CURRENT_FORMAT) => Ok(()),
        Some(_) => Err(DiskFailure::Damaged("another version has written the file")),
        None => Err(DiskFailure::Damaged("the file is not a store of events")),
    }
}

/// Checks the lengths of the tables, which the database does not, and fails by only when it writes.
fn check_lengths(database: &Database) -> Result<(), DiskFailure> {
    let tx = database.begin_read()?;
    check_length(&tx.open_table(META)?)?;
    check_length(&tx.open_table(FLOORS)?)?;
    check_length(&tx.open_table(LOGS)?)?;
    check_length(&tx.open_table(EVENTS)?)?;
    check_length(&tx.open_table(MEMORIES)?)?;
    check_length(&tx.open_table(MEMORY_ORDER)?)
}

fn check_length<K: Key, V: Value>(table: &ReadOnlyTable<K, V>) -> Result<(), DiskFailure> {
    let mut rows = 0;
    for row in table.iter()? {
        row?;
        rows += 1;
    }
    if rows == table.len()? {
        Ok(())
    } else {
        Err(DiskFailure::Damaged("the length of a table is wrong"))
    }
}

fn open_file(path: &Path) -> Result<OpenDatabase, DiskFailure> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)?;
    OpenDatabase::open(FileBackend::new(file)?)
}

impl OpenDatabase {
    /// Opens a database, or creates it in a file that is empty.
    pub(super) fn open(file: impl StorageBackend) -> Result<Self, DiskFailure> {
        let sync_failed = Arc::new(AtomicBool::new(false));
        let file = StoreFile {
            file,
            sync_failed: Arc::clone(&sync_failed),
        };
        let database = Database::builder()
            // The format of release 3 and newer.
            .create_with_file_format_v3(true)
            .set_cache_size(CACHE)
            .create_with_backend(file)?;
        Ok(Self {
            database,
            sync_failed,
        })
    }

    /// Creates the tables.
    pub(super) fn create(&self, now: u64) -> Result<(), DiskFailure> {
        let tx = self.database.begin_write()?;
        {
            let mut meta = tx.open_table(META)?;
            meta.insert(FORMAT, CURRENT_FORMAT)?;
            meta.insert(BIRTH, now)?;
            tx.open_table(LOGS)?;
            tx.open_table(EVENTS)?;
            tx.open_table(FLOORS)?;
            tx.open_table(MEMORIES)?;
            tx.open_table(MEMORY_ORDER)?;
        }
        tx.commit()?;
        Ok(())
    }

    /// Verifies the whole file.
    pub(super) fn verify(&mut self) -> Result<(), DiskFailure> {
        if !self.database.check_integrity()? {
            return Err(DiskFailure::Damaged("the file is not what was written"));
        }
        check_lengths(&self.database)
    }
}

/// The file as the database sees it.
#[derive(Debug)]
pub(super) struct StoreFile<B> {
    pub(super) file: B,
    pub(super) sync_failed: Arc<AtomicBool>,
}

impl<B: StorageBackend> StorageBackend for StoreFile<B> {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        self.file.read(offset, len)
    }

    /// A larger length is synced at once: else a power failure could leave a header on the disk
    /// that tells of a longer file, which the database then does not open (redb before 4.2).
    fn set_len(&self, len: u64) -> io::Result<()> {
        let is_larger = len > self.file.len()?;
        self.file.set_len(len)?;
        if is_larger {
            self.sync_data(false)?;
        }
        Ok(())
    }

    fn sync_data(&self, eventual: bool) -> io::Result<()> {
        let synced = self.file.sync_data(eventual);
        if synced.is_err() {
            self.sync_failed.store(true, Ordering::Release);
        }
        synced
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write(offset, data)
    }
}
