// Property: one file describes a cluster: each server takes its part of it, clients find the management server by it, and
// `cluster up` runs all of it; what is wrong in it is named by its line.
// Method: parts of good files, a table of bad ones, and the built command on an emulated fabric.
import Foundation
import Testing
import VerbenaCommand

@Suite struct ClusterFileTests {
  private static let text = """
    net:
      - net type: o2ib
        local NI(s):
          - nid: 10.0.0.1@o2ib
            tunables:
              peer_credits: 16
    cluster:
      fsname: lfs
      nodes:
        - nid: 10.0.0.1@o2ib,10.1.0.1@o2ib1
          mgs: 1
          mdt: 0
        - nid: 10.0.0.2@o2ib
          host: oss1
          ost: 0-1
          data: /data
    verbena:
      fabric: demo
      timing: fast
    """

  @Test func eachServerTakesItsPart() throws {
    let file = try ConfigFile(path: "f", text: Self.text)
    let cluster = try #require(file.cluster)
    #expect(cluster.source == "10.0.0.1@o2ib,10.1.0.1@o2ib1:/lfs")
    let first = try #require(cluster.member(addresses: ["10.1.0.1"], host: ""))
    let one = file.part(of: first)
    #expect(one.interfaces.map(\.bind.text) == ["10.0.0.1", "10.1.0.1"])
    #expect(one.interfaces.map(\.net) == ["o2ib", "o2ib1"])
    #expect(one.interfaces[1].values["peer-credits"]?.text == "16")
    #expect(one.values["mgsnode"] == nil && one.values["mgs"]?.text == "1")
    let second = try #require(cluster.member(addresses: [], host: "oss1"))
    let other = file.part(of: second)
    #expect(other.values["mgsnode"]?.text == "10.0.0.1@o2ib,10.1.0.1@o2ib1")
    #expect(other.values["fsname"] == .init(text: "lfs", line: 8))
    #expect(other.values["ost"]?.text == "0-1" && other.values["data"]?.text == "/data")
    #expect(other.values["timing"]?.text == "fast" && other.values["mgs"] == nil)
    #expect(cluster.member(addresses: ["10.0.0.3"], host: "oss2") == nil)
  }

  @Test(arguments: [
    ("cluster:\n  nodes:\n    - nid: 10.0.0.1@o2ib\n", "f:2: cluster needs 'fsname'"),
    ("cluster:\n  fsname: lfs\n", "f:2: cluster needs 'nodes'"),
    (
      "cluster:\n  fsname: lfs\n  nodes:\n    - nid: 10.0.0.1@o2ib\n      mdt: 0\n",
      "no node of the cluster has the management server"
    ),
    (
      "cluster:\n  fsname: lfs\n  nodes:\n    - mgs: 1\n",
      "f:4: a node of the cluster needs a 'nid'"
    ),
    (
      "cluster:\n  fsname: lfs\n  nodes:\n    - nid: 10.0.0.1@tcp\n",
      "f:4: '10.0.0.1@tcp' is no NID on o2ib"
    ),
    (
      "cluster:\n  fsname: lfs\n  nodes:\n    - nid: 10.0.0.1@o2ib\n      colour: red\n",
      "f:5: unknown key 'colour'; the keys here are nid, host, "
    ),
    (
      "cluster:\n  fsname: lfs\n  nodes:\n    - nid: 10.0.0.1@o2ib\n      mgs: 1\n"
        + "    - nid: 10.0.0.2@o2ib,10.0.0.1@o2ib0\n",
      "f:6: NID 10.0.0.1@o2ib0 stands twice in the cluster, first in line 4"
    ),
    ("cluster:\n  fsnam: lfs\n", "f:2: unknown key 'fsnam'; the keys here are fsname, nodes"),
  ])
  func whatIsWrongIsNamedByItsLine(_ text: String, _ message: String) {
    #expect {
      _ = try ConfigFile(path: "f", text: text)
    } throws: {
      ($0 as? CommandFailure)?.description.contains(message) == true
    }
  }

  /// What a real cluster may have, and one on the fabric may not.
  @Test(arguments: [
    ("10.0.0.2@o2ib", "10.1.0.2@o2ib1", "13: 10.1.0.2@o2ib1 is not on o2ib, the network of the"),
    ("10.0.0.2@o2ib", "10.3.0.2@o2ib", "13: 10.3.0.2@o2ib is where one of the clients is put"),
    ("ost: 0-1", "mdt: 0", "15: lfs-MDT0000 stands twice in the cluster"),
    ("ost: 0-1", "ost: 1,3,1", "15: lfs-OST0001 stands twice in the cluster"),
    ("ost: 0-1", "mgs: 1", "15: MGS stands twice in the cluster"),
  ])
  func whatCannotStandOnAFabricIsRefused(
    _ right: String, _ wrong: String, _ message: String
  ) async throws {
    let path =
      FileManager.default.temporaryDirectory.path + "/cluster-\(UInt32.random(in: 0 ... .max)).yaml"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Self.text.replacing(right, with: wrong).write(
      toFile: path, atomically: true, encoding: .utf8)
    let up = try await Command.run(["cluster", "up", "--config", path, "--clients", "2", "--once"])
    #expect(up.status == 64)
    #expect(up.error.contains("\(path):\(message)"), "\(up.error)")
  }

  /// Each target is on one of the two nodes at a time: here the first that names it.
  @Test func aFailoverPairIsOneServer() async throws {
    let path =
      FileManager.default.temporaryDirectory.path + "/cluster-\(UInt32.random(in: 0 ... .max)).yaml"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let pair = """
      cluster:
        fsname: lfs
        nodes:
          - nid: 10.0.0.1@o2ib
            mgs: 1
            mdt: 0
            servicenode: 10.0.0.2@o2ib
          - nid: 10.0.0.2@o2ib
            mgs: 1
            mdt: 0
            servicenode: 10.0.0.1@o2ib
          - nid: 10.0.0.3@o2ib
            ost: 0-1
            servicenode: 10.0.0.4@o2ib
          - nid: 10.0.0.4@o2ib
            ost: 0-2
            servicenode: 10.0.0.3@o2ib
      """
    try pair.write(toFile: path, atomically: true, encoding: .utf8)
    let arguments = ["cluster", "up", "--config", path, "--clients", "2", "--once"]
    let up = try await Command.run(arguments)
    #expect(up.status == 0, "\(up.error)")
    #expect(up.output.contains("4 targets × 2 clients: 8 client exports of 8"), "\(up.output)")
    #expect(up.output.contains("10.0.0.2@o2ib stands by for its failover pair"))
    #expect(!up.output.contains("10.0.0.4@o2ib stands by"))
    // One that does not know of the other is a mistake.
    try pair.replacing("servicenode: 10.0.0.2@o2ib", with: "exports: 8")
      .write(toFile: path, atomically: true, encoding: .utf8)
    let alone = try await Command.run(arguments)
    #expect(alone.status == 64)
    #expect(
      alone.error.contains(":9: MGS stands twice in the cluster; on the two nodes of a failover"),
      "\(alone.error)")
  }

  /// Not the first network, and not the first NID of each.
  @Test func anotherNetworkWillDo() async throws {
    let path =
      FileManager.default.temporaryDirectory.path + "/cluster-\(UInt32.random(in: 0 ... .max)).yaml"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Self.text.replacing("10.0.0.1@o2ib,10.1.0.1@o2ib1", with: "10.1.0.1@o2ib1")
      .replacing("10.0.0.2@o2ib", with: "10.0.0.2@o2ib,10.1.0.2@o2ib1")
      .write(toFile: path, atomically: true, encoding: .utf8)
    let up = try await Command.run(["cluster", "up", "--config", path, "--clients", "2", "--once"])
    #expect(up.status == 0, "\(up.error)")
    #expect(up.output.contains("3 targets × 2 clients: 6 client exports of 6"))
  }

  @Test func oneFileForAll() async throws {
    let directory =
      FileManager.default.temporaryDirectory.path + "/verbena-file-\(UInt32.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let path = directory + "/cluster.yaml"
    try Self.text.replacing("      data: /data\n", with: "")
      .replacing(",10.1.0.1@o2ib1", with: "")
      .write(toFile: path, atomically: true, encoding: .utf8)
    let flag = ["--config", path]
    for (flags, variables) in [(flag, [:]), ([], ["VERBENA_CONFIG": path])] {
      let up = try await Command.run(
        ["cluster", "up", "--clients", "2", "--once"] + flags, environment: variables)
      #expect(up.status == 0, "\(up.error)")
      #expect(up.output.contains("3 targets × 2 clients: 6 client exports of 6"))
    }
    // Whoever says which servers there are wants no others.
    let typed = ["cluster", "up", "--clients", "1", "--once", "--mds", "1", "--oss", "1"]
    let own = try await Command.run(typed, environment: ["VERBENA_CONFIG": path])
    #expect(own.output.contains("2 targets × 1 clients: 2 client exports of 2"), "\(own.error)")
    let both = try await Command.run(typed + flag)
    #expect(both.status == 64)
    #expect(both.error.contains("--mds does not go with --config"))
    func run(_ arguments: [String]) async throws -> CommandResult {
      try await Command.run(
        arguments + ["--config", path], environment: ["XDG_RUNTIME_DIR": directory])
    }
    let nowhere = try await run(["serve"])
    #expect(nowhere.status == 64)
    #expect(nowhere.error.contains("its nodes are 10.0.0.1@o2ib, 10.0.0.2@o2ib"))
    func reach(_ nid: String, _ target: String) async throws {
      var reached = CommandResult(status: 69, output: "", error: "")
      for _ in 0..<20 where reached.status != 0 {
        reached = try await run(["connect", "--deadline", "2s", nid, target])
      }
      #expect(reached.status == 0, "\(reached.error)")
    }
    var servers = [Task { try await run(["serve", "--bind", "10.0.0.1"]) }]
    try await reach("10.0.0.1@o2ib", "lfs-MDT0000")
    servers.append(Task { try await run(["serve", "--bind", "10.0.0.2"]) })
    try await reach("10.0.0.2@o2ib", "lfs-OST0001")
    // No source: that of the file's cluster. Its port is not that of the servers, so nobody answers.
    let source = try await run([
      "mount", "--bind", "10.0.0.9", "--deadline", "1s", "--service", "986",
    ])
    #expect(source.error.contains("10.0.0.1@o2ib"))
    for server in servers { server.cancel() }
    for server in servers { _ = try? await server.value }
  }
}
