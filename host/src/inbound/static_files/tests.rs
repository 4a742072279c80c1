#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::fs;
use std::os::unix::fs::symlink;

use http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION, RANGE};
use http_body_util::BodyExt;
use tempfile::TempDir;

use super::*;

struct Site {
    _dir: TempDir,
    files: StaticFiles,
}

fn site() -> Site {
    let dir = TempDir::new().unwrap();
    let put = |path: &str, text: &str| {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    put("secret.txt", "secret");
    put("web/index.html", "<p>home</p>");
    put("web/app.js", "app()");
    put("web/a b.txt", "spaced");
    put("web/sub/index.html", "<p>sub</p>");
    put("web/.env", "hidden");
    put("web/.git/config", "hidden");
    put("docs/index.html", "<p>docs</p>");
    put("docs/page.html", "<p>page</p>");
    put("docs/inner/index.html", "<p>inner</p>");
    symlink(dir.path().join("secret.txt"), dir.path().join("web/link.txt")).unwrap();
    symlink(dir.path().join("web/app.js"), dir.path().join("web/inside.js")).unwrap();
    let files = StaticFiles::open([("/", &*dir.path().join("web")), ("/docs", &*dir.path().join("docs"))]).unwrap();
    Site { _dir: dir, files }
}

impl Site {
    async fn get(&self, path: &str) -> Result<(Response<()>, String), u16> {
        self.ask(&Method::GET, path, &HeaderMap::new()).await
    }

    async fn ask(&self, method: &Method, path: &str, headers: &HeaderMap) -> Result<(Response<()>, String), u16> {
        let response = self.files.serve(method, path, headers).await.map_err(|problem| problem.status().as_u16())?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Ok((Response::from_parts(head, ()), String::from_utf8(body.to_vec()).unwrap()))
    }
}

#[tokio::test]
async fn files_and_indexes_are_served_from_the_longest_mount() {
    let site = site();
    for (path, body) in [
        ("/", "<p>home</p>"),
        ("/index.html", "<p>home</p>"),
        ("/app.js", "app()"),
        ("/a%20b.txt", "spaced"),
        ("/%61pp.js", "app()"),
        ("/sub/", "<p>sub</p>"),
        ("/docs/", "<p>docs</p>"),
        ("/docs/page.html", "<p>page</p>"),
        ("/inside.js", "app()"),
    ] {
        assert_eq!(site.get(path).await.unwrap().1, body, "{path}");
    }
    let (head, _) = site.get("/app.js").await.unwrap();
    assert!(head.headers()[CONTENT_TYPE].to_str().unwrap().contains("javascript"));
    assert_eq!(head.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
}

#[tokio::test]
async fn what_is_hidden_outside_or_not_there_is_not_found() {
    let site = site();
    for path in [
        "/nothing",
        "/app.js/",
        "/.env",
        "/%2eenv",
        "/.git/config",
        "/%2Egit/config",
        "/x/../.env",
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/sub/..%2f..%2fsecret.txt",
        "/docs/../secret.txt",
        "/link.txt",
        "/..%5csecret.txt",
        "/sub%2f.%2findex.html",
        "/app.js%00",
        "/%zz",
        "/%",
        "/%ff",
        "//etc/passwd",
        "/docsx",
        "*",
    ] {
        assert_eq!(site.get(path).await.unwrap_err(), 404, "{path}");
    }
}

#[tokio::test]
async fn a_directory_without_its_slash_is_redirected_within_its_mount() {
    let site = site();
    let (head, _) = site.get("/docs/inner").await.unwrap();
    assert!(head.status().is_redirection());
    assert_eq!(head.headers()[LOCATION], "/docs/inner/");
    let (head, _) = site.get("/sub").await.unwrap();
    assert_eq!(head.headers()[LOCATION], "/sub/");
}

#[tokio::test]
async fn only_get_and_head_are_answered() {
    let site = site();
    assert_eq!(site.ask(&Method::POST, "/app.js", &HeaderMap::new()).await.unwrap_err(), 405);
    assert_eq!(site.ask(&Method::POST, "/none.js", &HeaderMap::new()).await.unwrap_err(), 404);
    let (head, body) = site.ask(&Method::HEAD, "/app.js", &HeaderMap::new()).await.unwrap();
    assert_eq!(head.status(), 200);
    assert_eq!(body, "");
}

#[tokio::test]
async fn tags_and_ranges_are_understood() {
    let site = site();
    let (head, _) = site.get("/app.js").await.unwrap();
    let tag = head.headers()[ETAG].clone();
    let (head, body) = site.ask(&Method::GET, "/app.js", &HeaderMap::from_iter([(IF_NONE_MATCH, tag)])).await.unwrap();
    assert_eq!((head.status().as_u16(), body.as_str()), (304, ""));
    let range = |text: &'static str| HeaderMap::from_iter([(RANGE, HeaderValue::from_static(text))]);
    let (head, body) = site.ask(&Method::GET, "/app.js", &range("bytes=0-2")).await.unwrap();
    assert_eq!((head.status().as_u16(), body.as_str()), (206, "app"));
    assert_eq!(site.ask(&Method::GET, "/app.js", &range("bytes=99-")).await.unwrap_err(), 416);
}

#[test]
fn what_cannot_be_served_is_named() {
    let dir = TempDir::new().unwrap();
    let error = StaticFiles::open([("docs", dir.path())]).unwrap_err();
    assert!(error.to_string().contains("mount `docs`"), "{error}");
    let missing = dir.path().join("missing");
    let error = StaticFiles::open([("/", &*missing)]).unwrap_err();
    assert!(error.to_string().contains(missing.to_str().unwrap()), "{error}");
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(StaticFiles::open([("/", &*file)]).is_err());
}
