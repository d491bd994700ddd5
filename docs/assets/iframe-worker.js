// A site opened from disk may not start web workers, which the theme's search needs. Here a worker's
// script runs in a hidden frame instead. Without this file the theme would fetch a script from a server.
(() => {
  class FrameWorker extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.appendChild(this.frame);
      const scope = this.frame.contentWindow;
      scope.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      this.ready = new Promise((resolve) => {
        const script = scope.document.createElement("script");
        script.src = new URL(url, document.baseURI).href;
        script.onload = () => resolve(scope);
        script.onerror = () => this.dispatchEvent(new Event("error"));
        scope.document.body.appendChild(script);
      });
    }

    postMessage(data) {
      this.ready.then((scope) => scope.dispatchEvent(new MessageEvent("message", { data })));
    }

    terminate() {
      this.frame.remove();
    }
  }
  window.IFrameWorker = FrameWorker;
  if (location.protocol === "file:") window.Worker = FrameWorker;
})();
