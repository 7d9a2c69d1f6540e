// Property: a node tells its service manager when it is ready and when it stops, and serves its counters to whoever
// asks by HTTP, within bounds.
// Method: the built command with a datagram socket of the test's as NOTIFY_SOCKET; metrics fetched over TCP, held
// against the text format, and judged by promtool if it is here.
import Foundation
import Testing
import VerbenaCommand

/// The manager's end of NOTIFY_SOCKET.
private final class Manager {
  let path: String
  private let socket: Int32

  init(isAbstract: Bool) throws {
    let name = "verbena-\(UInt32.random(in: 0 ... .max))"
    path = isAbstract ? "@\(name)" : "/tmp/\(name)"
    socket = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { bytes in
      for (index, byte) in path.utf8.enumerated() { bytes[index] = byte }
      if isAbstract { bytes[0] = 0 }
    }
    let size = socklen_t(MemoryLayout<sa_family_t>.size + path.utf8.count)
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.bind(socket, $0, size) }
    }
    try #require(result == 0)
  }

  /// Waits for the next datagram.
  func receive() -> String {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = recv(socket, &buffer, buffer.count, 0)
    return String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self)
  }

  deinit {
    close(socket)
    unlink(path)
  }
}

/// What an HTTP server answers to these bytes, up to its end.
private func fetch(_ port: UInt16, _ request: String) throws -> String {
  let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  defer { close(client) }
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = port.bigEndian
  address.sin_addr.s_addr = UInt32(127 << 24 | 1).bigEndian
  let result = withUnsafePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      connect(client, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
    }
  }
  try #require(result == 0)
  let bytes = Array(request.utf8)
  _ = send(client, bytes, bytes.count, Int32(MSG_NOSIGNAL))
  var answer: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 65536)
  while true {
    let count = recv(client, &buffer, buffer.count, 0)
    if count <= 0 { break }
    answer += buffer.prefix(count)
  }
  return String(decoding: answer, as: UTF8.self)
}

@Suite(.serialized) struct ServiceTests {
  @Test(arguments: [false, true])
  func theManagerHearsOfReadinessAndEnd(isAbstract: Bool) throws {
    let place = NodeTests.Place()
    defer { place.remove() }
    let manager = try Manager(isAbstract: isAbstract)
    let environment = place.environment.merging(["NOTIFY_SOCKET": manager.path]) { $1 }
    let node = try NodeTests.Running(
      ["--fabric", place.fabric, "--bind", "10.0.4.1"], environment: environment)
    let ready = manager.receive()
    #expect(ready.hasPrefix("READY=1\nSTATUS=10.0.4.1@o2ib ready, by emulated fabric"), "\(ready)")
    #expect(node.terminate() == 0)
    #expect(manager.receive().hasPrefix("STOPPING=1\n"))
  }

  @Test func aManagerThatIsGoneDoesNotHarm() throws {
    let place = NodeTests.Place()
    defer { place.remove() }
    let node = try NodeTests.Running(
      ["--fabric", place.fabric, "--bind", "10.0.4.2"],
      environment: place.environment.merging(["NOTIFY_SOCKET": "/nonexistent"]) { $1 })
    #expect(node.terminate() == 0)
  }

  /// A node with metrics, and the port that it says it serves them at.
  private func serving(
    _ place: NodeTests.Place, _ address: String, _ arguments: [String] = []
  ) throws -> (node: NodeTests.Running, port: UInt16) {
    let log = Pipe()
    let node = try NodeTests.Running(
      ["--fabric", place.fabric, "--bind", address, "--metrics", ":0"] + arguments,
      environment: place.environment, standardError: log)
    var text = ""
    while !text.contains("/metrics\n") {
      let data = log.fileHandleForReading.availableData
      guard !data.isEmpty else { break }
      text += String(decoding: data, as: UTF8.self)
    }
    let digits = try #require(text.split(separator: ":").last).prefix { $0.isNumber }
    return (node, try #require(UInt16(digits)))
  }

  @Test func countersAreServed() async throws {
    let place = NodeTests.Place()
    defer { place.remove() }
    let (node, port) = try serving(place, "10.0.4.3")
    let ping = try await place.run(["ping", "--fabric", place.fabric, "10.0.4.3@o2ib"])
    #expect(ping.status == 0, "\(ping.error)")
    // The node connects too.
    let far = try NodeTests.Running(
      ["--fabric", place.fabric, "--bind", "10.0.4.4"], environment: place.environment)
    let back = try await place.run(["ping", "--bind", "10.0.4.3", "10.0.4.4@o2ib"])
    #expect(back.status == 0, "\(back.error)")
    let answer = try fetch(port, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    let parts = answer.components(separatedBy: "\r\n\r\n")
    try #require(parts.count == 2, "\(answer)")
    #expect(parts[0].hasPrefix("HTTP/1.1 200 OK\r\n"))
    #expect(parts[0].contains("Content-Length: \(parts[1].utf8.count)\r\n"))
    try Self.check(parts[1])
    for line in [
      "verbena_lnet_pings_answered_total{nid=\"10.0.4.3@o2ib\"} ",
      "verbena_o2iblnd_established_passive_total{nid=\"10.0.4.3@o2ib\"} 1\n",
      "verbena_o2iblnd_rejects_sent_total{nid=\"10.0.4.3@o2ib\",reason=\"connection_race\"} 0\n",
      "verbena_connect_step_seconds_bucket{nid=\"10.0.4.3@o2ib\",step=\"resolve_address\",le=\"+Inf\"} 1\n",
    ] { #expect(parts[1].contains(line), "\(line) in\n\(parts[1])") }
    #expect(far.terminate() == 0)
    #expect(node.terminate() == 0)
  }

  @Test(arguments: [("1", true), ("256", false)])
  func creditsHoldMessagesBack(credits: String, waits: Bool) async throws {
    let place = NodeTests.Place()
    defer { place.remove() }
    let far = try NodeTests.Running(
      ["--fabric", place.fabric, "--bind", "10.0.4.9"], environment: NodeTests.Place().environment)
    let (node, port) = try serving(place, "10.0.4.8", ["--credits", credits])
    // Four at a time: within the peer's credits, beyond the interface's if that has one.
    let bench = try await place.run([
      "bench", "bulk", "10.0.4.9@o2ib", "-n", "20", "-s", "64K", "--in-flight", "4", "--force",
    ])
    #expect(bench.status == 0, "\(bench.error)")
    #expect(bench.output.contains("running node 10.0.4.8@o2ib"))
    let metrics = try fetch(port, "GET /metrics HTTP/1.1\r\n\r\n")
    let none = "verbena_lnet_credit_waits_total{nid=\"10.0.4.8@o2ib\"} 0\n"
    #expect(metrics.contains("verbena_lnet_credit_waits_total"))
    #expect(metrics.contains(none) != waits)
    #expect(node.terminate() == 0)
    #expect(far.terminate() == 0)
  }

  /// Each family once, with help and type before its samples; each sample a name, labels and a number.
  private static func check(_ text: String) throws {
    let sample = /[a-z_0-9]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9.]+/
    var families: Set<Substring> = []
    var family: Substring = ""
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ", maxSplits: 3)
      if line.hasPrefix("# HELP ") {
        family = words[2]
        #expect(families.insert(family).inserted, "\(family) twice")
      } else if line.hasPrefix("# TYPE ") {
        #expect(words[2] == family)
      } else {
        #expect(line.hasPrefix(family), "\(line) under \(family)")
        #expect(line.wholeMatch(of: sample) != nil, "\(line)")
      }
    }
    #expect(families.count > 50)
    guard FileManager.default.isExecutableFile(atPath: "/usr/bin/promtool") else { return }
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/promtool")
    process.arguments = ["check", "metrics"]
    let (input, output) = (Pipe(), Pipe())
    process.standardInput = input
    process.standardError = output
    try process.run()
    try input.fileHandleForWriting.write(contentsOf: Data(text.utf8))
    try input.fileHandleForWriting.close()
    let found = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(found)")
  }

  @Test func badRequestsAreAnsweredAndBounded() throws {
    let place = NodeTests.Place()
    defer { place.remove() }
    let (node, port) = try serving(place, "10.0.4.5")
    for (request, status) in [
      ("GET / HTTP/1.1\r\n\r\n", "404"), ("POST /metrics HTTP/1.1\r\n\r\n", "405"),
      ("nonsense\r\n\r\n", "400"), ("\r\n\r\n", "400"),
    ] {
      #expect(try fetch(port, request).hasPrefix("HTTP/1.1 \(status) "), "\(request)")
    }
    // Longer than a request may be; and one that never ends is hung up on.
    #expect(try fetch(port, "GET /" + String(repeating: "x", count: 8192)) == "")
    #expect(try fetch(port, "GET /metrics HTTP/1.1\r\n") == "")
    #expect(try fetch(port, "GET /metrics HTTP/1.0\r\n\r\n").hasPrefix("HTTP/1.1 200 "))
    #expect(node.terminate() == 0)
  }

  @Test(arguments: ["", "9100", "host:1", ":x", ":70000", "1.2.3.4:5:6", ":+5"])
  func whatIsNoAddressIsRefused(text: String) async throws {
    let result = try await Command.run([
      "node", "--fabric", "x", "--bind", "10.0.4.6", "--metrics", text,
    ])
    #expect(result.status == 64)
    #expect(result.error.contains("metrics"), "\(result.error)")
  }

  @Test func anAddressOfSomebodyElseFailsAndNamesIt() async throws {
    let place = NodeTests.Place()
    defer { place.remove() }
    let result = try await place.run([
      "node", "--fabric", place.fabric, "--bind", "10.0.4.7", "--metrics", "192.0.2.1:9100",
    ])
    #expect(result.status == 1)
    #expect(result.error.contains("192.0.2.1:9100: EADDRNOTAVAIL"), "\(result.error)")
  }
}
