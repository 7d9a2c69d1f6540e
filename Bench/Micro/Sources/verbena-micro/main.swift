// What the parts of a message's way cost, one by one, in one thread. Usage: verbena-micro [TIMES] [PART…]; the parts
// are wire, lnet, node and sessions; all of them by default. With TIMES each piece of work is done so often, and once: for
// tools that count instructions.
let parts = CommandLine.arguments.dropFirst(wantedTimes == nil ? 1 : 2)
func isWanted(_ part: String) -> Bool { parts.isEmpty || parts.contains(part) }

print("nanoseconds" + String(repeating: " ", count: 33) + "     best   median")
if isWanted("wire") { measureWire() }
if isWanted("lnet") { try measureLNet() }
if isWanted("node") { try measureNodes() }
if isWanted("sessions") { try measureSessions() }
