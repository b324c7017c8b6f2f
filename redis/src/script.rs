//! The scripts that run in Redis: nothing comes between the steps of one.

use std::sync::LazyLock;

use redis::Cmd;

/// A script, which Redis knows by its hash once it is loaded.
pub(crate) struct RedisScript {
    code: &'static str,
    hash: LazyLock<String>,
}

macro_rules! script {
    ($file:literal) => {
        RedisScript {
            code: include_str!($file),
            hash: LazyLock::new(|| {
                redis::Script::new(include_str!($file))
                    .get_hash()
                    .to_owned()
            }),
        }
    };
}

pub(crate) static APPEND: RedisScript = script!("scripts/append.lua");
pub(crate) static OPEN: RedisScript = script!("scripts/open.lua");
pub(crate) static PAGE: RedisScript = script!("scripts/page.lua");
pub(crate) static AUDIT: RedisScript = script!("scripts/audit.lua");
pub(crate) static SOURCE: RedisScript = script!("scripts/source.lua");

/// All scripts.
pub(crate) static ALL: [&RedisScript; 5] = [&APPEND, &OPEN, &PAGE, &AUDIT, &SOURCE];

impl RedisScript {
    /// Begins a call with the keys; the arguments are to be added.
    pub(crate) fn call(&self, keys: &[&str]) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(self.hash.as_str()).arg(keys.len()).arg(keys);
        command
    }

    pub(crate) fn load(&self) -> Cmd {
        let mut command = redis::cmd("SCRIPT");
        command.arg("LOAD").arg(self.code);
        command
    }
}
