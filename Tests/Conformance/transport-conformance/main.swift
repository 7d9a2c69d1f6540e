// Runs the conformance suite on the verbs backend, both sides in this process.
//
//   transport-conformance --bind ADDRESS [--peer ADDRESS] [--silent ADDRESS] [--only TEXT | --run NAME]
//
// --bind is the address of the passive side and --peer that of the active side (the same if left out);
// --silent is one on the same segment where nobody is. Prints a line for each case; exits 1 if one failed.
// What takes long or needs help from outside is run by name:
//   removal      a script takes the device away when it reads `connected`, brings it back at `removed`
//   unreachable  the --silent address resolves, but nobody answers a connect
//   limit        queue pairs until there are no more
//   nodes        two whole nodes, at --bind and at --peer, on the one device
internal import Glibc
internal import NodeConformance
internal import RDMATransport
internal import TransportConformance
internal import VerbsTransport

/// Prints a line at once, so that a case that hangs is the one after the last line.
func say(_ line: String) {
  var text = line + "\n"
  // SAFETY: the pointer is used while the closure runs.
  _ = text.withUTF8 { unsafe write(1, $0.baseAddress, $0.count) }
}

func parse(_ text: String) -> UInt32? {
  let parts = text.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
  guard parts.count == 4 else { return nil }
  var result: UInt32 = 0
  for part in parts {
    guard let part else { return nil }
    result = result << 8 | UInt32(part)
  }
  return result
}

func usage() -> Never {
  say(
    "usage: transport-conformance --bind A.B.C.D [--peer A.B.C.D] [--silent A.B.C.D] "
      + "[--only TEXT | --run NAME]")
  exit(64)
}

var bind: UInt32?
var peer: UInt32?
var silent: UInt32?
var filter = ""
var run = ""
var limits = (queuePairs: 256, completions: 4096)
var arguments = CommandLine.arguments.dropFirst()
while let option = arguments.popFirst() {
  guard let value = arguments.popFirst() else { usage() }
  switch option {
  case "--bind": bind = parse(value)
  case "--peer": peer = parse(value)
  case "--silent": silent = parse(value)
  case "--only": filter = value
  case "--run": run = value
  default: usage()
  }
}
guard let server = bind else { usage() }
let client = peer ?? server

/// Does not return.
func runNodes(_ addresses: (UInt32, UInt32)) -> Never {
  Task.detached {
    do {
      try await NodePairRun.run(addresses) { (address) throws(TransportError) in
        try VerbsTransport(VerbsTransport.Configuration(address: address))
      } say: {
        say($0)
      }
    } catch {
      say("FAIL \(error)")
      exit(1)
    }
    exit(0)
  }
  while true { pause() }
}
if run == "nodes" { runNodes((server, client)) }

let backend = Backend<VerbsTransport>(
  name: "verbs", silentAddress: silent,
  address: { side in
    switch side {
    case .server: server
    case .client: client
    }
  },
  make: { side in
    let address = side == .server ? server : client
    return try VerbsTransport(
      VerbsTransport.Configuration(
        address: address, queuePairCountMax: limits.queuePairs,
        completionQueueEntries: limits.completions))
  })
do {
  switch run {
  case "": break
  case "removal": try RemovalRun.run(backend) { say($0) }
  case "unreachable":
    guard let silent else { usage() }
    try UnreachableRun.run(backend, destination: silent) { say($0) }
  case "limit":
    limits = (queuePairs: 4096, completions: 8192)
    try LimitRun.run(backend) { say($0) }
  default: usage()
  }
} catch {
  say("FAIL \(error)")
  exit(1)
}
if !run.isEmpty { exit(0) }
let failed = Suite(backend).runAll(matching: filter) { say($0) }
exit(failed == 0 ? 0 : 1)
