// Property: each registration is answered as spec 11 §13 says, and writes the logs that it should and no others.
// Method: rows of requests to a file system that has a metadata target 0 and an object target 0; a captured one.
import Connections
import LustreWire
import Testing

@testable import Roles

@Suite struct RegistrationTests {
  static let nid = NID.o2ib(0x0A00_0001)

  static func request(
    _ flags: TargetFlags, index: UInt32 = 0, nids: [NID] = [nid], instance: UInt32 = 0,
    parameters: String = "", fileSystem: String = "lfs"
  ) throws(WireErrno) -> RegistrationRequest {
    var info = TargetInfo()
    info.flags = flags
    info.index = index
    info.instance = instance
    info.fileSystem = WireText(fileSystem) ?? WireText()
    info.nidCount = UInt32(nids.count)
    info.parameters = WireText(parameters) ?? WireText()
    return try RegistrationRequest(info, nids: nids)
  }

  static func fileSystem() throws -> ManagedFileSystem {
    var system = ManagedFileSystem("lfs")
    var nextLog: UInt64 = 3
    _ = try system.register(
      request([.mdt, .virgin, .update]), nextLog: &nextLog, at: 0)
    _ = try system.register(
      request([.ost, .virgin, .update]), nextLog: &nextLog, at: 0)
    _ = try system.ready(request([.ost, .ready], instance: 1))
    return system
  }

  struct Row: CustomTestStringConvertible {
    var testDescription: String
    var flags: TargetFlags
    var index: UInt32 = 0
    var nids = [RegistrationTests.nid]
    var parameters = ""
    /// What comes back when nothing is thrown.
    var answer: TargetFlags = []
    var answeredIndex: UInt32 = 0
    var error: WireErrno?
    /// Logs that are longer afterwards, or new.
    var written: [String] = []
  }

  static let other = NID.o2ib(0x0A00_0009)

  static let rows = [
    Row(
      testDescription: "a new object target", flags: [.ost, .virgin, .update, .register], index: 1,
      answer: [.ost, .register, .rewrite], answeredIndex: 1,
      written: ["lfs-MDT0000", "lfs-OST0001", "lfs-client"]),
    Row(
      testDescription: "a new metadata target", flags: [.mdt, .virgin, .update], index: 1,
      answer: [.mdt, .rewrite], answeredIndex: 1,
      written: ["lfs-MDT0000", "lfs-MDT0001", "lfs-client"]),
    Row(
      testDescription: "the next free index", flags: [.ost, .virgin, .update, .needsIndex],
      index: 0xFFFF, answer: [.ost, .rewrite], answeredIndex: 1,
      written: ["lfs-MDT0000", "lfs-OST0001", "lfs-client"]),
    Row(
      testDescription: "an index that another has", flags: [.ost, .virgin, .update], nids: [other],
      error: .eaddrinuse),
    Row(
      testDescription: "an index that one has that served", flags: [.ost, .virgin, .update],
      error: .eaddrinuse),
    Row(
      testDescription: "once more, as the answer was lost", flags: [.mdt, .virgin, .update],
      answer: [.mdt, .rewrite]),
    Row(
      testDescription: "the last index", flags: [.ost, .virgin, .update], index: 0xFFFE,
      answer: [.ost, .rewrite], answeredIndex: 0xFFFE,
      written: ["lfs-MDT0000", "lfs-OSTfffe", "lfs-client"]),
    Row(
      testDescription: "beyond the last index", flags: [.ost, .virgin, .update], index: 0xFFFF,
      error: .erange),
    Row(
      testDescription: "a start like any other", flags: [.ost, .register],
      answer: [.ost, .register]),
    Row(
      testDescription: "a start of one that is not known", flags: [.ost, .register], index: 5,
      error: .enoent),
    Row(
      testDescription: "an update of a known one", flags: [.ost, .update], answer: [.ost, .rewrite]
    ),
    Row(
      testDescription: "an update of one that is not known", flags: [.ost, .update], index: 5,
      answer: [.ost, .rewrite], answeredIndex: 5,
      written: ["lfs-MDT0000", "lfs-OST0005", "lfs-client"]),
    Row(
      testDescription: "its logs anew", flags: [.ost, .writeConfiguration], nids: [other],
      answer: [.ost, .rewrite], written: ["lfs-MDT0000", "lfs-OST0000", "lfs-client"]),
    Row(
      testDescription: "all logs anew", flags: [.mdt, .writeConfiguration],
      answer: [.mdt, .rewrite], written: ["lfs-MDT0000", "lfs-client"]),
    Row(
      testDescription: "its own NID as another node's", flags: [.ost, .virgin, .update], index: 1,
      parameters: "failover.node=10.0.0.9@o2ib:10.0.0.1@o2ib", error: .eaddrnotavail),
    Row(
      testDescription: "a new parameter", flags: [.ost, .update, .hasParameters],
      parameters: "ost.threads=4", answer: [.ost, .rewrite, .hasParameters],
      written: ["lfs-OST0000"]),
    Row(
      testDescription: "everyone's parameter", flags: [.ost, .update, .hasParameters],
      parameters: "sys.timeout=20", answer: [.ost, .rewrite, .hasParameters],
      written: ["lfs-OST0000", "lfs-client"]),
  ]

  @Test(arguments: rows)
  func rules(row: Row) throws {
    var system = try Self.fileSystem()
    let before = system
    var nextLog: UInt64 = 10
    let request = try Self.request(
      row.flags, index: row.index, nids: row.nids, parameters: row.parameters)
    var outcome: ManagedFileSystem.Outcome?
    var thrown: WireErrno?
    do throws(WireErrno) {
      outcome = try system.register(request, nextLog: &nextLog, at: 0)
    } catch { thrown = error }
    #expect(thrown == row.error)
    guard let outcome else { return }
    #expect(outcome.info.flags == row.answer)
    #expect(outcome.info.index == row.answeredIndex)
    #expect(outcome.isChanged == !row.written.isEmpty)
    let written = system.logs.filter { kept in
      before.logs.first { $0.log.name == kept.log.name }?.log.bytes != kept.log.bytes
    }
    // Logs that are alike after being written anew differ in their number.
    let renewed = system.logs.filter { kept in
      before.logs.first { $0.log.name == kept.log.name }?.log.id != kept.log.id
    }
    let names = Set((written + renewed).map(\.log.name))
    #expect(names.sorted() == row.written)
  }

  @Test func whatIsNoTarget() throws {
    func error(_ make: () throws(WireErrno) -> RegistrationRequest) -> WireErrno? {
      do throws(WireErrno) { _ = try make() } catch { return error }
      return nil
    }
    #expect(error { () throws(WireErrno) in try Self.request([.virgin]) } == .einval)
    #expect(error { () throws(WireErrno) in try Self.request([.mdt, .ost]) } == .einval)
    #expect(error { () throws(WireErrno) in try Self.request([.mgs]) } == .einval)
    #expect(error { () throws(WireErrno) in try Self.request([.ost], nids: []) } == .einval)
    for name in ["", "ninechars", "a/b", "params", "a b"] {
      #expect(
        error { () throws(WireErrno) in try Self.request([.ost], fileSystem: name) } == .einval)
    }
  }

  @Test func readinessNeedsAnInstanceAndARegistration() throws {
    var system = try Self.fileSystem()
    #expect(throws: WireErrno.einval) { _ = try system.ready(Self.request([.ost, .ready])) }
    #expect(throws: WireErrno.enoent) {
      _ = try system.ready(Self.request([.ost, .ready], index: 4, instance: 1))
    }
    #expect(system.version == 1)
    _ = try system.ready(Self.request([.mdt, .ready], instance: 3))
    #expect(system.version == 2)
  }

  /// Where it is now counts; what the logs said of it before is passed over.
  @Test func logsWrittenAnewReplaceTheOld() throws {
    var system = try Self.fileSystem()
    var nextLog: UInt64 = 10
    _ = try system.register(
      Self.request([.ost, .writeConfiguration], nids: [Self.other]), nextLog: &nextLog, at: 0)
    let place = try #require(system.log("lfs-client"))
    var map = FileSystemMap()
    system.logs[place].log.forEachRecord { bytes, content in
      do { try map.apply(bytes, content) } catch { Issue.record("\(error)") }
    }
    #expect(map.objectTargets.count == 1)
    #expect(map.nids(of: map.objectTargets[0]) == [Self.other])
  }
}
