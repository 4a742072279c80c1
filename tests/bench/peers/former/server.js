// The former system's way to answer GET /profile/view, as Express, node-redis and mongoose are usually put together: a
// middleware that knows the session, a handler that reads the profile, each from Redis first and from MongoDB otherwise.
// Nothing slows it down on purpose and nothing is left out that the former system's route had.
//
// PORT, REDIS_URL, MONGODB_URI and JWT_SECRET come from the environment.

import { createSecretKey } from "node:crypto";

import cookieParser from "cookie-parser";
import express from "express";
import jwt from "jsonwebtoken";
import mongoose from "mongoose";
import { createClient } from "redis";

import { User } from "./user.js";

const SESSION_SECONDS = 24 * 60 * 60;
const PROFILE_SECONDS = 30 * 60;

const { PORT = "0", REDIS_URL, MONGODB_URI, JWT_SECRET } = process.env;
for (const [name, value] of Object.entries({ REDIS_URL, MONGODB_URI, JWT_SECRET })) {
  if (!value) throw new Error(`${name} is not set`);
}

// From a text jsonwebtoken would make the key anew for every token, after an attempt to read it as a public one: half of the
// whole request's time.
const secret = createSecretKey(Buffer.from(JWT_SECRET));

const redis = createClient({ url: REDIS_URL });
redis.on("error", (error) => console.error("redis:", error.message));
await Promise.all([redis.connect(), mongoose.connect(MONGODB_URI)]);

async function cached(key) {
  const text = await redis.get(key);
  return text === null ? null : JSON.parse(text);
}

async function profileOf(id) {
  const key = `user:${id}`;
  const known = await cached(key);
  if (known) return known;
  const user = await User.findById(id);
  if (!user) return null;
  const profile = user.toProfile();
  await redis.set(key, JSON.stringify(profile), { EX: PROFILE_SECONDS });
  return profile;
}

async function authenticated(request, response, next) {
  const { token } = request.cookies;
  if (!token) return response.status(401).json({ message: "Please log in" });
  let claims;
  try {
    claims = jwt.verify(token, secret, { algorithms: ["HS256"] });
  } catch {
    return response.status(401).json({ message: "Please log in" });
  }
  const key = `session:${token}`;
  let session = await cached(key);
  if (!session) {
    const user = await User.findById(claims._id);
    if (!user) return response.status(401).json({ message: "Please log in" });
    session = { userId: user.id, emailId: user.emailId, firstName: user.firstName };
    await redis.set(key, JSON.stringify(session), { EX: SESSION_SECONDS });
  }
  request.session = session;
  next();
}

const app = express();
app.use(express.json());
app.use(cookieParser());

app.get("/profile/view", authenticated, async (request, response) => {
  const profile = await profileOf(request.session.userId);
  if (!profile) return response.status(401).json({ message: "Please log in" });
  response.json(profile);
});

const server = app.listen(Number(PORT), "127.0.0.1", (error) => {
  if (error) throw error;
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
