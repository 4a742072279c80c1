//! The smallest plugin: one route answers a text, one reads and writes JSON.

use devconnect_sdk::prelude::*;

devconnect_sdk::plugin! { router: routes }

fn routes() -> Router {
    Router::new().get("/hello", hello).post("/json", confirm).access(Access::Public)
}

fn hello() -> &'static str {
    "Hello, World!"
}

/// About 200 bytes of JSON.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Order {
    id: u64,
    customer: String,
    email: String,
    items: Vec<Item>,
    #[serde(default)]
    express: bool,
}

#[derive(Deserialize, Serialize, JsonSchema)]
struct Item {
    name: String,
    quantity: u32,
    price: f64,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Confirmation {
    id: u64,
    customer: String,
    email: String,
    items: Vec<Item>,
    total: f64,
    express: bool,
}

fn confirm(Json(order): Json<Order>) -> Json<Confirmation> {
    Json(Confirmation {
        id: order.id,
        total: order.items.iter().map(|item| f64::from(item.quantity) * item.price).sum(),
        express: order.express,
        customer: order.customer,
        email: order.email,
        items: order.items,
    })
}

#[cfg(test)]
mod tests;
