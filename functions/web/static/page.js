import { call, enterKey, NoAccess } from "./access.js";

const part = (id) => document.getElementById(id);

async function show() {
  part("key-form").hidden = true;
  part("sign-in").hidden = true;
  try {
    const session = await (await call("session")).json();
    const status = await (await call("status")).json();
    part("message").textContent = session.user ? `Signed in as ${session.user.name}.` : "The app is up.";
    part("resources").replaceChildren(...status.resources.map(row));
  } catch (error) {
    if (!(error instanceof NoAccess)) {
      part("message").textContent = "The app does not answer. Reload the page in a moment.";
      return;
    }
    part("message").textContent = error.needsSignIn
      ? "Sign in to see documents."
      : "Enter a function key; it is kept for this tab only.";
    part(error.needsSignIn ? "sign-in" : "key-form").hidden = false;
  }
}

function row(resource) {
  const item = document.createElement("li");
  const state = resource.works === null ? "unknown" : resource.works ? "works" : "does not work";
  item.textContent = `${resource.name}: ${state}${resource.problem ? `. ${resource.problem.message}` : ""}`;
  return item;
}

part("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  enterKey(part("key").value);
  part("key").value = "";
  show();
});

show();
