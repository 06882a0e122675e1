// Browsers start no worker from a file, so that search would need a server. In a page that was opened as a file, a hidden frame
// does the worker's work. (The theme's offline plugin looks for this file's name, and would load such a script from the network.)
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(script) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      this.inside = frame.contentWindow;
      this.inside.document.open();  // or Firefox would replace the empty document later
      this.inside.document.close();
      this.inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      this.ready = new Promise((ready, failed) => {
        const element = this.inside.document.createElement("script");
        Object.assign(element, { src: script, onload: ready, onerror: failed });
        this.inside.document.documentElement.append(element);
      });
    }
    postMessage(data) {
      this.ready.then(() => this.inside.dispatchEvent(new MessageEvent("message", { data })));
    }
    terminate() {
      this.inside.frameElement.remove();
    }
  };
}
