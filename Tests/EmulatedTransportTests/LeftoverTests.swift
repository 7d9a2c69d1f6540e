// Property: a fabric whose nodes were all killed is taken away; one with a node that lives, one whose lock is held, and what
// is no fabric are left alone; and who gets no descriptor is told so, and what to do.
// Method: fabrics in a folder of the test's own, whose sockets are closed as a killed process leaves them; a child with few
// descriptors.
@testable import EmulatedTransport
import Foundation
import Glibc
import RDMATransport
import Testing

@Suite struct LeftoverTests {
  /// Where the fabrics are; short, for the paths of sockets.
  private final class Folder {
    let path = "/tmp/vl-\(getpid())-\(UInt32.random(in: 0 ..< .max))"

    init() throws {
      try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var names: [String] {
      ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    }

    /// A fabric with so many nodes, all of which live as long as their sockets are open.
    func fabric(_ name: String, _ addresses: [UInt32]) throws -> [Int32] {
      try FabricDirectory(fabric: name, in: path).claim(addresses)
    }
  }

  @Test func fabricsOfTheDeadGo() throws {
    let folder = try Folder()
    for name in ["dead", "mine"] {
      for socket in try folder.fabric(name, [1, 2, 3]) { close(socket) }
    }
    let half = try folder.fabric("half", [1, 2])
    close(half[0])
    let alive = try folder.fabric("alive", [1])
    // Of one whose first node has not come yet, of one with something strange in it, and of no fabric.
    for name in ["fabric-empty", "fabric-strange", "other"] {
      try FileManager.default.createDirectory(
        atPath: folder.path + "/" + name, withIntermediateDirectories: false)
    }
    for name in ["lock", "file"] {
      try Data().write(to: URL(fileURLWithPath: folder.path + "/fabric-strange/" + name))
    }
    #expect(FabricDirectory.tidy(folder.path, keeping: "mine") == 2)
    #expect(
      folder.names == ["fabric-alive", "fabric-half", "fabric-mine", "fabric-strange", "other"])
    // A killed node's address is free in a fabric that lives, and the live one's is not.
    #expect(throws: TransportError.self) { try folder.fabric("half", [2]) }
    let again = try folder.fabric("half", [1])
    for socket in again + [half[1]] + alive { close(socket) }
    #expect(FabricDirectory.tidy(folder.path, keeping: "mine") == 2)
    #expect(folder.names == ["fabric-mine", "fabric-strange", "other"])
  }

  @Test func aLockedFabricStays() throws {
    let folder = try Folder()
    for socket in try folder.fabric("dead", [1]) { close(socket) }
    let lock = open(folder.path + "/fabric-dead/lock", O_RDWR)
    #expect(flock(lock, LOCK_EX) == 0)
    #expect(FabricDirectory.tidy(folder.path, keeping: "") == 0)
    #expect(folder.names == ["fabric-dead"])
    close(lock)
    #expect(FabricDirectory.tidy(folder.path, keeping: "") == 1)
    #expect(folder.names == [])
  }

  @Test func aProcessWithoutDescriptorsIsToldSo() async {
    await #expect(processExitsWith: .success) {
      var limit = rlimit(rlim_cur: 64, rlim_max: 64)
      guard setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { exit(2) }
      var nodes: [Endpoint] = []
      do {
        for address in 1...UInt32(64) { nodes.append(try Endpoint("few-\(getpid())", address)) }
        exit(3)
      } catch let error as TransportError {
        let isNamed = error.errno == EMFILE && error.explanation.contains("ulimit -n")
        nodes.removeAll()
        exit(isNamed && error.explanation.contains("64 descriptors") ? 0 : 4)
      }
    }
  }
}
