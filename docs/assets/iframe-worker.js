// Pages opened from a file may not start workers, which the search needs: run them in a frame.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      // In a window postMessage would talk to the window itself; a worker talks to its page.
      frame.srcdoc =
        '<script>window.postMessage = (data) => parent.postMessage(data, "*")</script>' +
        `<script src="${url}"></script>`;
      this.ready = new Promise((resolve) => frame.addEventListener("load", resolve));
      this.frame = frame;
      window.addEventListener("message", (event) => {
        if (event.source !== frame.contentWindow) return;
        this.dispatchEvent(new MessageEvent("message", { data: event.data }));
      });
      document.body.append(frame);
    }
    postMessage(data) {
      const { frame } = this;
      this.ready.then(() => {
        const send = frame.contentWindow.dispatchEvent.bind(frame.contentWindow);
        send(new MessageEvent("message", { data }));
      });
    }
    terminate() {
      this.frame.remove();
    }
  };
}
