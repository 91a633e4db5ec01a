// Calls a served hub as a JavaScript developer would; prints what it got as one line of JSON.
import { Client, handle_file } from "@gradio/client";

const hub = await Client.connect(process.argv[2]);
const found = {};

async function refused(...call) {
  try {
    await hub.predict(...call);
    return "nothing was refused";
  } catch (error) {
    return error.message;
  }
}

const { named_endpoints } = await hub.view_api();
found.endpoints = Object.keys(named_endpoints);
found.count = named_endpoints["/sample_generate"].parameters[1];

const pictures = (await hub.predict("/sample_generate", { digit: 3, count: 2 })).data[0];
found.pictures = pictures.length;
found.bytes = [...new Uint8Array(await (await fetch(pictures[0].url)).arrayBuffer()).slice(1, 4)];

const inverted = await hub.predict("/sample_invert", { image: handle_file(await (await fetch(pictures[0].url)).blob()) });
found.inverted = inverted.data[0].orig_name;

found.json = (await hub.predict("/sample_greet", ["Ann", "loud", false])).data[0];
found.digit = await refused("/sample_generate", { digit: 10 });
found.nan = await refused("/sample_generate", { temperature: NaN });
found.text = await refused("/sample_invert", { image: handle_file(new Blob(["no picture"])) });
found.unknown = await refused("/sample_generate", { digti: 1 });
found.inside = await refused("/sample_fail", {});
found.after = (await hub.predict("/sample_greet", { name: "Bo" })).data[0].text;

console.log(JSON.stringify(found));
process.exit(0); // the client keeps a connection open
