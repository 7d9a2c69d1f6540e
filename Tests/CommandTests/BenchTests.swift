// Property: each benchmark runs both ends by itself, its JSON is as the schema says, and bad input is refused.
// Method: the built command with a few operations; nothing is expected of the times.
import Foundation
import Testing

@Suite(.serialized) struct BenchTests {
  static func json(_ arguments: [String]) async throws -> [String: Any] {
    let result = try await Command.run(["bench"] + arguments + ["--json", "-", "--force"])
    #expect(result.status == 0, "\(result.error)")
    #expect(try Command.schema("bench").problems(result.output) == [])
    let parsed = try JSONSerialization.jsonObject(with: Data(result.output.utf8))
    return parsed as? [String: Any] ?? [:]
  }

  static func series(_ report: [String: Any]) -> [[String: Any]] {
    report["series"] as? [[String: Any]] ?? []
  }

  private static func count(_ series: [String: Any]) -> Int? {
    (series["latency"] as? [String: Any])?["count"] as? Int
  }

  @Test func messages() async throws {
    let report = try await Self.json(
      [
        "message", "-n", "40", "--warmup", "4", "--rounds", "1", "-s", "0,64", "--operation",
        "both",
      ])
    let names = Self.series(report).map { $0["name"] as? String ?? "" }
    #expect(
      names == [
        "PUT half round trip", "GET round trip", "PUT half round trip", "GET round trip",
        "PUT rate", "PUT rate", "Node.put", "Node.get", "Node.put", "Node.get",
      ])
    #expect(Self.series(report).allSatisfy { Self.count($0) == 40 })
  }

  @Test func bulkWithChecksums() async throws {
    let report = try await Self.json(
      [
        "bulk", "-n", "6", "--warmup", "1", "-s", "1,4K,1M", "--operation", "both", "--in-flight",
        "2",
      ])
    #expect(Self.series(report).count == 12)
    for one in Self.series(report) {
      #expect(Self.count(one) == 6)
      #expect((one["metrics"] as? [String: Any])?["wrongChecksums"] as? Double == 0)
    }
  }

  /// The default of messages, and the most that transfers may have: less goes at a time where memory is short.
  @Test(arguments: [
    (["message", "--rounds", "1"], 16), (["bulk", "--in-flight", "256", "--checksum", "off"], 16),
    (["bulk", "--in-flight", "256", "--checksum", "off", "--rate", "1000"], 16),
    (["bulk", "--in-flight", "15", "--checksum", "off"], 15),
  ])
  func largeOnesInFlight(arguments: [String], inFlight: Int) async throws {
    let report = try await Self.json(arguments + ["-n", "200", "--warmup", "0", "-s", "1M"])
    func depth(_ one: [String: Any]) -> Int? {
      (one["labels"] as? [String: Any])?["inFlight"] as? Int
    }
    let last = try #require(Self.series(report).last { depth($0) != nil })
    #expect(depth(last) == inFlight)
    #expect(Self.count(last) == 200)
  }

  @Test func connects() async throws {
    let report = try await Self.json([
      "connect", "-n", "10", "--in-flight", "4", "--warmup", "4", "--mounts", "2", "--targets", "3",
    ])
    let byName = Dictionary(
      uniqueKeysWithValues: Self.series(report).map { ($0["name"] as? String ?? "", $0) })
    #expect(byName["CM connect"].flatMap(Self.count) == 10)
    #expect(byName["first ping answered"].flatMap(Self.count) == 3)
    let metrics = byName["rate"]?["metrics"] as? [String: Any]
    #expect(metrics?["connects"] as? Double == 10)
    // CONNECTs of imports, in rounds of one at a time with a message and its ACK.
    #expect(byName["CONNECT rate"].flatMap(Self.count) == 10)
    #expect(byName["CONNECT"].flatMap(Self.count) == 10)
    #expect(byName["PUT and ACK"].flatMap(Self.count) == 10)
    // Two mounts, and twice their targets one by one: a metadata target, and three object targets of one node.
    for name in [
      "LNet discovery, new connection", "CONNECT to the MGS", "MGS look-up", "mount, all FULL",
    ] { #expect(byName[name].flatMap(Self.count) == 2, "\(name)") }
    #expect(byName["first target of a node"].flatMap(Self.count) == 4)
    #expect(byName["further target of a node"].flatMap(Self.count) == 4)
    let way = byName["way to FULL"]?["metrics"] as? [String: Any]
    #expect(way?["targets"] as? Double == 4 && way?["targetNodes"] as? Double == 2)
    // However many targets a node has, they share one connection.
    #expect(way?["cmExchanges"] as? Double == 2)
  }

  @Test func connectsToOneTargetOrMany() async throws {
    for targets in [1, 6] {
      let report = try await Self.json([
        "connect", "-n", "2", "--warmup", "0", "--mounts", "1", "--targets", "\(targets)",
      ])
      let way = Self.series(report).last?["metrics"] as? [String: Any]
      #expect(way?["targets"] as? Double == Double(targets + 1))
      #expect(way?["cmExchanges"] as? Double == 2)
    }
  }

  @Test func pingsOverAnImport() async throws {
    let report = try await Self.json(["rpc", "-n", "50", "--warmup", "5", "--in-flight", "8"])
    let depths = Self.series(report).map {
      ($0["labels"] as? [String: Any])?["inFlight"] as? Int
    }
    #expect(depths == [1, 8])
    #expect(Self.series(report).allSatisfy { Self.count($0) == 50 })
  }

  @Test func everyoneComesBackAfterAStorm() async throws {
    let report = try await Self.json(
      ["storm", "--clients", "5", "--targets", "3", "--profile", "fast", "--down", "100ms"])
    let metrics = Self.series(report).first?["metrics"] as? [String: Any]
    func metric(_ name: String) -> Double? { metrics?[name] as? Double }
    #expect(metric("clients") == 5 && metric("nids") == 5)
    #expect(metric("imports_total") == 15 && metric("imports_full") == 15)
    // All imports of a client share one connection.
    #expect(metric("lnd_connections") == 5)
    #expect((metric("attempts") ?? 0) >= 15)
    #expect(metric("timeouts") == 0 && metric("attempts_refused") == 0)
    // The server was a process of its own.
    #expect(metric("server_resident_bytes") ?? 0 > 0)
    #expect(metric("seconds_to_full") ?? 0 > 0)
    #expect(Self.count(Self.series(report)[0]) == 15)
  }

  @Test(arguments: [
    (["message", "-n", "30", "--warmup", "2", "--operation", "both"], 2),
    (["bulk", "-n", "30", "--warmup", "2", "-s", "4K"], 2),
  ])
  func atARate(arguments: [String], seriesCount: Int) async throws {
    let report = try await Self.json(arguments + ["--rate", "1000"])
    #expect(Self.series(report).count == seriesCount)
    for one in Self.series(report) {
      let corrected = one["correctedLatency"] as? [String: Any]
      #expect(corrected?["count"] as? Int == 30)
      #expect(Self.count(one) == 30)
      #expect((one["labels"] as? [String: Any])?["askedPerSecond"] as? Int == 1000)
    }
  }

  @Test func intervalsAreShownOnStandardError() async throws {
    // 25 transfers at 100 a second take a quarter of a second, whatever the machine.
    let result = try await Command.run([
      "bench", "bulk", "-n", "25", "--warmup", "0", "-s", "4K", "--checksum", "off", "--rate",
      "100", "--interval", "50ms", "--force", "--quiet",
    ])
    #expect(result.status == 0, "\(result.error)")
    let lines = result.error.split(separator: "\n")
    #expect(lines.first?.hasPrefix("interval") == true)
    #expect(lines.count >= 3)
    #expect(lines.dropFirst().allSatisfy { $0.hasPrefix("put 4K") })
    #expect(result.output.split(separator: "\n").count == 1)
  }

  /// A duration ends a measurement, not a default; of both, what is reached first does.
  @Test func durations() async throws {
    let short = ["bulk", "-s", "4K", "--checksum", "off", "--warmup", "0", "--in-flight", "1"]
    let timed = try await Self.json(short + ["-D", "300ms", "--rate", "10000"])
    let count = try #require(Self.series(timed).first.flatMap(Self.count))
    // At the rate 3000 would go in that time, thrice the default; a machine that is busy begins fewer.
    #expect(count > 1 && count <= 3001 && count != 1000)
    let metrics = Self.series(timed)[0]["metrics"] as? [String: Any]
    let rate = try #require(metrics?["operationsPerSecond"] as? Double)
    #expect(Double(count) / rate >= 0.299)
    let counted = try await Self.json(short + ["-D", "1h", "-n", "7"])
    #expect(Self.series(counted).first.flatMap(Self.count) == 7)
    let messages = try await Self.json([
      "message", "--rounds", "2", "--warmup", "0", "-D", "200ms", "-q", "1",
    ])
    for one in Self.series(messages) { #expect((Self.count(one) ?? 0) > 0) }
  }

  @Test func quietPrintsOneLine() async throws {
    let result = try await Command.run(
      ["bench", "bulk", "-n", "2", "-s", "64K", "--checksum", "off", "--quiet", "--force"])
    #expect(result.status == 0)
    #expect(result.error.isEmpty)
    #expect(result.output.split(separator: "\n").count == 1)
    #expect(result.output.contains("MiB/s"))
  }

  @Test func nobodyThereIsUnavailable() async throws {
    let fabric = "test-\(UInt32.random(in: 0 ... .max))"
    let result = try await Command.run([
      "bench", "bulk", "--fabric", fabric, "10.0.0.77@o2ib", "--deadline", "10s", "--force",
    ])
    #expect(result.status == 69, "\(result.error)")
    #expect(result.error.contains("10.0.0.77@o2ib"))
  }

  @Test func connectsToNobodySayWhatToLookFor() async throws {
    let fabric = "test-\(UInt32.random(in: 0 ... .max))"
    let result = try await Command.run([
      "bench", "connect", "--fabric", fabric, "10.0.0.99@o2ib", "-n", "1", "--force",
    ])
    #expect(result.status == 69, "\(result.error)")
    #expect(result.error.contains("10.0.0.99@o2ib") && result.error.contains("EHOSTUNREACH"))
  }

  @Test(arguments: [
    (["message", "-s", "2M"], "0 to 1M"), (["message", "-n", "0"], "must be 1 to"),
    (["bulk", "-s", "1M..4K"], "is no range"), (["connect", "--in-flight", "129"], "1 to 128"),
    (["bulk", "-c", "UD"], "must be"), (["bulk", "10.0.0.[1-2]@o2ib"], "takes one"),
    (["message", "--peer-credits", "7"], "8 to 255"), (["bulk", "-D", "fast"], "is no duration"),
    (["bulk", "--rate", "-1"], "--rate"), (["message", "--rate", "10000001"], "0 to 10000000"),
    (["bulk", "--interval", "soon"], "is no duration"), (["bulk", "-c", "UC"], "must be RC"),
    (["rpc", "--in-flight", "5000"], "1 to 4096"),
    (["connect", "--fsname", "lfs"], "give its NID too"),
    (
      ["connect", "--targets", "3", "10.0.0.1@o2ib"],
      "--targets would do nothing: the file system at a NID has its own targets"
    ),
    (["connect", "--mounts", "3", "10.0.0.1@o2ib"], "--mounts would do nothing: give --fsname"),
    (
      ["connect", "--targets", "3", "--fsname", "lfs", "10.0.0.1@o2ib"],
      "leave the NID out"
    ),
    (
      ["connect", "--targets", "3", "--mounts", "0"],
      "--targets would do nothing: give --mounts more than 0"
    ),
    (
      ["connect", "--fsname", "lfs", "--mounts", "0", "10.0.0.1@o2ib"],
      "--fsname would do nothing: give --mounts more than 0"
    ),
    (
      ["message", "--rounds", "2", "10.0.0.1@o2ib"],
      "--rounds would do nothing: the floor is measured without a NID and without --rate"
    ),
    (["message", "--rounds", "2", "--rate", "10"], "--rounds would do nothing"),
    (["rpc", "--target-name", "lfs-OST0000_UUID"], "give the NID too"),
    (["storm", "--pcap", "x.pcap"], "--pcap would do nothing"),
    (["storm", "--peer-credits", "16"], "--peer-credits would do nothing"),
    (["storm", "--fsname", "lfs"], "--fsname would do nothing"),
    (["storm", "--down", "2s", "10.0.0.1@o2ib"], "--down would do nothing"),
    (
      ["bulk", "--objects", "lfs-OST0000", "--interval", "1s", "10.0.0.1@o2ib"],
      "--interval does not go with --objects"
    ),
    (
      ["bulk", "--objects", "lfs-OST0000,lfs-OST0001", "10.0.0.1@o2ib"],
      "'lfs-OST0000,lfs-OST0001' is no target"
    ),
    (["storm", "--clients", "0"], "1 to 4000"), (["storm", "--profile", "slow"], "must be"),
    (["storm", "--timing", "slow"], "must be"),
  ])
  func badInput(arguments: [String], named: String) async throws {
    let result = try await Command.run(["bench"] + arguments)
    #expect(result.status == 64)
    #expect(result.error.contains(named), "\(result.error)")
  }
}
