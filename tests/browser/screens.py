"""Every screen: a name, and what stands after # in its address."""

SCREENS = [
    ("overview", "/"), ("runs", "/runs"), ("events", "/events"), ("functions", "/functions"), ("function", "/functions/test-echo"),
    ("videos", "/videos"), ("stuck", "/videos?tab=stuck"), ("search", "/videos?tab=search"), ("bulk", "/bulk"), ("analytics", "/analytics"),
    ("workers", "/workers"), ("rejected", "/rejected"), ("limits", "/limits"), ("audit", "/audit"), ("missing", "/nowhere"),
]
