//! What needs more than one command in one step, as scripts that run inside Redis.
//!
//! Each touches the one key that it is given, so that it works on a cluster. A script fails before it has changed
//! anything: the first command that it runs is the one that refuses a key of another type. Numbers of 64 bits pass
//! through as text, because a script's own numbers hold 53.
//!
//! Those that read a collection do it in small pages and weigh each, so that what is too heavy is neither sent nor, but for a
//! page, brought together inside Redis. They answer a number in place of what they read: how many members there would be where
//! that is above the most, or -1 where they would be too heavy.

use std::sync::LazyLock;

use redis::Cmd;

/// A script, known to Redis by its digest once it has run there.
pub(super) struct Script {
    text: &'static str,
    loaded: LazyLock<redis::Script>,
}

impl Script {
    /// Runs it by its digest: short, but the server may not have it.
    pub(super) fn by_digest(&self, key: &str) -> Cmd {
        start("EVALSHA", self.loaded.get_hash(), key)
    }

    /// Runs it by its text, after which the server has it.
    pub(super) fn by_text(&self, key: &str) -> Cmd {
        start("EVAL", self.text, key)
    }
}

fn start(evaluate: &str, script: &str, key: &str) -> Cmd {
    const ROOM: usize = 64;
    let mut command = Cmd::with_capacity(8, evaluate.len() + script.len() + key.len() + ROOM);
    command.arg(evaluate).arg(script).arg("1").arg(key);
    command
}

macro_rules! script {
    ($(#[$documentation:meta])* $name:ident, $text:literal) => {
        $(#[$documentation])*
        pub(super) static $name: Script =
            Script { text: $text, loaded: LazyLock::new(|| redis::Script::new($text)) };
    };
}

script! {
    /// Expected value, new value, life or 0 → 1 if it was stored.
    COMPARE_AND_SET, r"
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[3] == '0' then redis.call('SET', KEYS[1], ARGV[2])
else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1"
}

script! {
    /// Summand, life → the sum, as text.
    INCREMENT, r"
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return ARGV[1]
end
redis.call('INCRBY', KEYS[1], ARGV[1])
return redis.call('GET', KEYS[1])"
}

script! {
    /// Most elements or -1, life or 0, elements → the length.
    LIST_PUSH, r"
local length = redis.call('LLEN', KEYS[1])
for i = 3, #ARGV, 1000 do
  length = redis.call('LPUSH', KEYS[1], unpack(ARGV, i, math.min(i + 999, #ARGV)))
end
local keep = tonumber(ARGV[1])
if keep == 0 then
  redis.call('DEL', KEYS[1])
  return 0
end
if keep > 0 and length > keep then
  redis.call('LTRIM', KEYS[1], 0, keep - 1)
  length = keep
end
if ARGV[2] ~= '0' then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return length"
}

script! {
    /// First, last, most elements, most bytes → the elements.
    LIST_RANGE, r"
local length = redis.call('LLEN', KEYS[1])
local first, last = tonumber(ARGV[1]), tonumber(ARGV[2])
if first < 0 then first = math.max(length + first, 0) end
if last < 0 then last = length + last end
last = math.min(last, length - 1)
if last < first then return {} end
if last - first + 1 > tonumber(ARGV[3]) then return last - first + 1 end
local room, answer, count = tonumber(ARGV[4]), {}, 0
for from = first, last, 64 do
  for _, element in ipairs(redis.call('LRANGE', KEYS[1], from, math.min(from + 63, last))) do
    room = room - #element
    count = count + 1
    answer[count] = element
  end
  if room < 0 then return -1 end
end
return answer"
}

script! {
    /// The command that counts, the one that goes through, most members, most bytes → all members, or fields and values.
    WHOLE, r"
local size = redis.call(ARGV[1], KEYS[1])
if size > tonumber(ARGV[3]) then return size end
local room, answer, count, cursor = tonumber(ARGV[4]), {}, 0, '0'
repeat
  local page = redis.call(ARGV[2], KEYS[1], cursor, 'COUNT', 64)
  cursor = page[1]
  for _, part in ipairs(page[2]) do
    room = room - #part
    count = count + 1
    answer[count] = part
  end
  if room < 0 then return -1 end
until cursor == '0'
return answer"
}

script! {
    /// Low, high, limit, most members, most bytes, 1 for the highest first → members and scores in turn.
    SORTED_RANGE, r"
local low, high = ARGV[1], ARGV[2]
local size = math.min(redis.call('ZCOUNT', KEYS[1], low, high), tonumber(ARGV[3]))
if size > tonumber(ARGV[4]) then return size end
local command, first = 'ZRANGE', nil
if ARGV[6] == '1' then
  command, first = 'ZREVRANGE', redis.call('ZCOUNT', KEYS[1], '(' .. high, '+inf')
else
  first = redis.call('ZCOUNT', KEYS[1], '-inf', '(' .. low)
end
local last = first + size - 1
local room, answer, count = tonumber(ARGV[5]), {}, 0
for from = first, last, 64 do
  local page = redis.call(command, KEYS[1], from, math.min(from + 63, last), 'WITHSCORES')
  for i = 1, #page, 2 do
    room = room - #page[i]
    answer[count + 1], answer[count + 2] = page[i], page[i + 1]
    count = count + 2
  end
  if room < 0 then return -1 end
end
return answer"
}

script! {
    /// Most bytes, fields → their values.
    HASH_GET, r"
local room = tonumber(ARGV[1])
for i = 2, #ARGV do
  room = room - redis.call('HSTRLEN', KEYS[1], ARGV[i])
end
if room < 0 then return -1 end
local answer, count = {}, 0
for i = 2, #ARGV, 1000 do
  for _, value in ipairs(redis.call('HMGET', KEYS[1], unpack(ARGV, i, math.min(i + 999, #ARGV)))) do
    count = count + 1
    answer[count] = value
  end
end
return answer"
}

script! {
    /// Most bytes → the value, or its length where that is above the most.
    GET_UP_TO, r"
local length = redis.call('STRLEN', KEYS[1])
if length > tonumber(ARGV[1]) then return length end
return redis.call('GET', KEYS[1])"
}

script! {
    /// The command that adds, the one that counts, life or 0, what to add → how many were new. What comes in pairs is
    /// not torn: a thousand is even.
    ADD, r"
redis.call(ARGV[2], KEYS[1])
local new = 0
for i = 4, #ARGV, 1000 do
  new = new + redis.call(ARGV[1], KEYS[1], unpack(ARGV, i, math.min(i + 999, #ARGV)))
end
if ARGV[3] ~= '0' then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return new"
}
