//! The operator's files, `[[static]]`: what neither a plugin nor the host itself answers.
//!
//! A file is served only if it lies below the mount's directory after links are followed and if no part of its path
//! starts with a dot, so that neither a link nor a forgotten `.git` shows what nobody meant to publish.

use std::io;
use std::path::{Path, PathBuf};

use http::header::{CACHE_CONTROL, CONTENT_RANGE, VARY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::Empty;
use tower::ServiceExt;
use tower_http::services::ServeDir;

use super::http::body::ResponseBody;
use super::http::problem::Problem;

#[cfg(test)]
mod tests;

/// A `[[static]]` table that cannot be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The mount is no path.
    #[error("[[static]] mount `{mount}`: write a path that starts with `/`, such as `/` or `/docs`")]
    Mount {
        /// As written.
        mount: String,
    },
    /// The directory is not there.
    #[error("[[static]] mount `{mount}`: cannot open the directory `{}`; create it or remove the table", dir.display())]
    Directory {
        /// As written.
        mount: String,
        /// As resolved.
        dir: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// All mounts, the longest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct StaticFiles {
    mounts: Vec<Mount>,
}

#[derive(Clone, Debug)]
struct Mount {
    /// Without a slash at its end: `` or `/docs`.
    prefix: String,
    /// Where it really is, links followed.
    root: PathBuf,
    files: ServeDir,
}

impl StaticFiles {
    /// Opens the directories of the `[[static]]` tables: pairs of mount and directory.
    pub(crate) fn open<'a>(tables: impl IntoIterator<Item = (&'a str, &'a Path)>) -> Result<Self, Error> {
        let mut mounts =
            tables.into_iter().map(|(mount, dir)| Mount::open(mount, dir)).collect::<Result<Vec<_>, _>>()?;
        mounts.sort_by_key(|mount| std::cmp::Reverse(mount.prefix.len()));
        Ok(Self { mounts })
    }

    /// The file for a path; a problem if there is none for this method.
    pub(crate) async fn serve(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<Response<ResponseBody>, Problem> {
        let nothing = || Problem::not_found("no route and no file has this path");
        let found = self.mounts.iter().find_map(|mount| Some((mount, mount.within(path)?)));
        let (mount, below) = found.ok_or_else(nothing)?;
        let file = decode(below).filter(|decoded| is_public(decoded)).ok_or_else(nothing)?;
        if !mount.holds(&file).await {
            return Err(nothing());
        }
        if matches!(*method, Method::GET | Method::HEAD) {
            return mount.serve(method, below, headers).await.ok_or_else(nothing)?;
        }
        match mount.serve(&Method::HEAD, below, headers).await {
            Some(_) => Err(Problem::method_not_allowed(HeaderValue::from_static("GET, HEAD"))),
            None => Err(nothing()),
        }
    }
}

impl Mount {
    fn open(mount: &str, dir: &Path) -> Result<Self, Error> {
        if !mount.starts_with('/') {
            return Err(Error::Mount { mount: mount.to_owned() });
        }
        let prefix = mount.trim_end_matches('/').to_owned();
        let root = dir
            .canonicalize()
            .and_then(|root| if root.is_dir() { Ok(root) } else { Err(io::ErrorKind::NotADirectory.into()) })
            .map_err(|source| Error::Directory { mount: mount.to_owned(), dir: dir.to_owned(), source })?;
        let files = ServeDir::new(&root).redirect_path_prefix(prefix.clone());
        Ok(Self { prefix, root, files })
    }

    /// The path below the mount, with its first slash; the mount itself is its directory.
    fn within<'p>(&self, path: &'p str) -> Option<&'p str> {
        let below = path.strip_prefix(self.prefix.as_str())?;
        if below.is_empty() { Some("/") } else { below.starts_with('/').then_some(below) }
    }

    /// Whether the file, links followed, is one of the directory's.
    async fn holds(&self, decoded: &str) -> bool {
        let file = self.root.join(decoded.trim_start_matches('/'));
        tokio::fs::canonicalize(file).await.is_ok_and(|file| file.starts_with(&self.root))
    }

    async fn serve(
        &self,
        method: &Method,
        below: &str,
        headers: &HeaderMap,
    ) -> Option<Result<Response<ResponseBody>, Problem>> {
        let mut request = Request::new(Empty::<bytes::Bytes>::new());
        *request.method_mut() = method.clone();
        *request.uri_mut() = below.parse::<Uri>().ok()?;
        *request.headers_mut() = headers.clone();
        let mut response = match self.files.clone().oneshot(request).await {
            Ok(response) => response.map(ResponseBody::stream),
            Err(never) => match never {},
        };
        match response.status() {
            StatusCode::NOT_FOUND => return None,
            StatusCode::RANGE_NOT_SATISFIABLE => {
                let problem = Problem::new(response.status(), "the file has no such range");
                let range = response.headers_mut().remove(CONTENT_RANGE);
                return Some(Err(match range {
                    Some(range) => problem.with_header(CONTENT_RANGE, range),
                    None => problem,
                }));
            }
            status if status.is_client_error() => {
                return Some(Err(Problem::new(status, "the request's conditions do not hold for the file")));
            }
            status if status.is_server_error() => return Some(Err(Problem::internal())),
            _ => {}
        }
        let headers = response.headers_mut();
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        // Kept, but asked for again each time: with the file's tag that costs a 304, and a new file shows at once.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.append(VARY, HeaderValue::from_static("origin"));
        Some(Ok(response))
    }
}

/// Whether no part of a decoded path is hidden, climbs, or means something else to the file system.
fn is_public(decoded: &str) -> bool {
    !decoded.contains(['\\', '\0']) && !decoded.split('/').any(|part| part.starts_with('.'))
}

/// Takes percent-encoding off; `None` if the result is no text.
fn decode(path: &str) -> Option<String> {
    if !path.contains('%') {
        return Some(path.to_owned());
    }
    let mut decoded = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' { hex(bytes.next()?)? << 4 | hex(bytes.next()?)? } else { byte });
    }
    String::from_utf8(decoded).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
