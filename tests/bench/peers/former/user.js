// Users as mongoose has them: names and types of the former system's collection `users`.

import mongoose from "mongoose";

const preferences = new mongoose.Schema(
  {
    welcomeEmail: { type: Boolean, default: true },
    connectionRequests: { type: Boolean, default: true },
    loginSuggestions: { type: Boolean, default: true },
    marketingEmails: { type: Boolean, default: false },
  },
  { _id: false },
);

const schema = new mongoose.Schema(
  {
    firstName: { type: String, required: true, index: true, minLength: 2, maxLength: 50 },
    lastName: { type: String },
    emailId: { type: String, required: true, unique: true, lowercase: true, trim: true },
    password: { type: String, required: true },
    age: { type: Number, min: 13 },
    gender: { type: String, enum: ["male", "female", "others"] },
    photoUrl: { type: String },
    about: { type: String },
    skills: { type: [String] },
    emailPreferences: { type: preferences, default: () => ({}) },
    isPremium: { type: Boolean, default: false },
    membershipTier: { type: String, enum: ["free", "silver", "gold"], default: "free" },
    role: { type: String, default: "user" },
  },
  // The host makes the indexes.
  { timestamps: true, autoIndex: false },
);

schema.methods.toProfile = function toProfile() {
  const { password, __v, ...profile } = this.toObject();
  return profile;
};

export const User = mongoose.model("User", schema);
