// What @gradio/client gets of a hub with a password: by `auth`, and without. One line of JSON.
import { Client } from "@gradio/client";

const url = process.argv[2];
const found = {};
const hub = await Client.connect(url, { auth: ["ann", "open: sesame"] });
found.answer = (await hub.predict("/sample_greet", { name: "Ann" })).data[0];
found.pictures = (await hub.predict("/sample_generate", { count: 2 })).data[0].length;
for (const [name, options] of [["wrong", { auth: ["ann", "wrong"] }], ["without", {}]]) {
  try {
    await Client.connect(url, options);
    found[name] = "connected";
  } catch (error) {
    found[name] = error.message;
  }
}
console.log(JSON.stringify(found));
process.exit(0);
