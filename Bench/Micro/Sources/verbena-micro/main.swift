// What the parts of a message's way cost, one by one, in one thread. Usage: verbena-micro [PART…]; the parts are
// wire, lnet and node; all of them by default.
let parts = CommandLine.arguments.dropFirst()
func isWanted(_ part: String) -> Bool { parts.isEmpty || parts.contains(part) }

print("nanoseconds" + String(repeating: " ", count: 33) + "     best   median")
if isWanted("wire") { measureWire() }
if isWanted("lnet") { try measureLNet() }
if isWanted("node") { try measureNodes() }
