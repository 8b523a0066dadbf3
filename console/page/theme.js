/* Runs before the first paint, so that no light page flashes in the dark. */
(function () {
    var chosen = null;
    try {
        chosen = localStorage.getItem("chronos-theme");
    } catch (e) {
        /* storage may be forbidden; the system's choice holds then */
    }
    if (chosen === "light" || chosen === "dark")
        document.documentElement.dataset.theme = chosen;
})();
