// Property: a CONNECT to any target in another flavour, with flags that nobody has defined, with buffers too short, too long,
// too few or too many is answered as a real server does, is counted, and harms nobody (spec 10 §2.2, §7, §11; 11 §3.1, §5).
// Method: tables written by hand from the spec; each row goes to a management, a metadata and an object target from a
// peer that makes each byte, with an honest client beside it.
import Connections
import LustreWire
@testable import NodeWorld
import PtlRPC
@testable import Roles
import Testing

@Suite struct UnsoundConnectTests {
  typealias Change = @Sendable (inout FuzzedMessage) -> Void

  private static func name(_ count: Int, terminated: Bool = true) -> [UInt8] {
    [UInt8](repeating: 0x61, count: terminated ? count - 1 : count) + (terminated ? [0] : [])
  }

  /// What is wrong, and the status of the refusal.
  static let refused: [(String, Int32, Change)] = [
    ("the body alone", -22, { $0.buffers = [] }),
    ("a target of 38 bytes", -22, { $0.buffers[0].removeLast(2) }),
    ("a target without content", -22, { $0.buffers[0] = [] }),
    ("a target without an end", -22, { $0.buffers[0] = name(39, terminated: false) }),
    ("a target that ends behind 39 bytes", -22, { $0.buffers[0] = name(48) }),
    ("no client", -22, { $0.buffers.removeLast(4) }),
    ("a client of 38 bytes", -22, { $0.buffers[1].removeLast(2) }),
    ("a client without an end", -22, { $0.buffers[1] = name(39, terminated: false) }),
    ("no handle", -71, { $0.buffers.removeLast(3) }),
    ("a handle of 7 bytes", -71, { $0.buffers[2].removeLast() }),
    ("no connect data", -71, { $0.buffers.removeLast(2) }),
    ("connect data without content", -71, { $0.buffers[3] = [] }),
    ("connect data of 7 bytes: no flags", -71, { $0.buffers[3] = [UInt8](repeating: 0, count: 7) }),
    (
      "connect data of 1537 bytes", -71,
      { $0.buffers[3] += [UInt8](repeating: 0, count: 1537 - 192) }
    ),
    ("buffers in another order: no such target", -19, { $0.buffers.swapAt(0, 3) }),
  ]

  @Test(arguments: RawScene.Target.allCases)
  func buffersThatAreRefused(target: RawScene.Target) throws {
    let scene = try RawScene()
    let before = (scene.counters.connectsRefused, scene.exportCount)
    for (what, status, change) in Self.refused {
      var message = scene.connect(target)
      change(&message)
      let answer = scene.answer(message)
      #expect(answer?.status == status, "\(what)")
      #expect(answer?.type == .error && answer?.handle == Cookie.none, "\(what)")
    }
    #expect(scene.counters.connectsRefused == before.0 + UInt64(Self.refused.count))
    #expect(scene.exportCount == before.1)
    scene.expectNoHarm()
  }

  /// What is longer or shorter than ours and yet is taken: peers of other versions.
  static let granted: [(String, Change)] = [
    ("no security policy", { $0.buffers.removeLast() }),
    ("a security policy", { $0.buffers[4] = [UInt8](repeating: 0x30, count: 200) }),
    (
      "names of 64 bytes",
      { message in
        for index in 0..<2 { message.buffers[index] += [UInt8](repeating: 0x62, count: 24) }
      }
    ),
    ("a handle of 16 bytes", { $0.buffers[2] += [UInt8](repeating: 9, count: 8) }),
    ("connect data of 72 bytes", { $0.buffers[3].removeLast(120) }),
    ("connect data of 1536 bytes", { $0.buffers[3] += [UInt8](repeating: 0xFF, count: 1344) }),
    ("32 buffers", { $0.buffers += [[UInt8]](repeating: [1, 2, 3], count: 26) }),
  ]

  @Test(arguments: RawScene.Target.allCases)
  func buffersThatAreTaken(target: RawScene.Target) throws {
    let scene = try RawScene()
    let before = scene.counters.connectsGranted
    for (what, change) in Self.granted {
      var message = scene.connect(target)
      change(&message)
      let answer = scene.answer(message)
      #expect(answer?.status == 0 && answer?.type == .reply, "\(what)")
      #expect(answer?.handle != Cookie.none && answer?.granted != nil, "\(what)")
    }
    #expect(scene.counters.connectsGranted == before + UInt64(Self.granted.count))
    scene.expectNoHarm()
  }

  @Test(arguments: RawScene.Target.allCases)
  func messagesThatDrawNoAnswer(target: RawScene.Target) throws {
    let scene = try RawScene()
    let before = scene.rpc
    let sound = scene.connect(target)
    let bytes = sound.bytes
    let tooLong = bytes + [UInt8](repeating: 0, count: 67 << 10)
    var rows = [Array(bytes[..<31]), Array(bytes[..<56]), Array(bytes.dropLast(8)), tooLong]
    for count: UInt8 in [0, 33, 255] { rows.append([count] + bytes.dropFirst()) }
    // A body, and a buffer, as long as nobody can send them.
    for place in [35, 39] {
      rows.append(bytes)
      rows[rows.count - 1][place] = 0x7F
    }
    for row in rows { #expect(scene.answer(row, sound.portal) == nil) }
    #expect(scene.rpc.requestsMalformed == before.requestsMalformed + UInt64(rows.count))
    #expect(scene.answer(sound)?.status == 0)
    scene.expectNoHarm()
  }

  // MARK: - Flavours

  @Test(
    "10 §7: no policy but NULL is spoken: silence, before a connection and over one",
    arguments: RawScene.Target.allCases)
  func flavours(target: RawScene.Target) throws {
    let scene = try RawScene()
    let connected = try #require(scene.answer(scene.connect(target)))
    let before = scene.rpc.requestsSecured
    let exports = scene.exportCount
    // Policies plain and gss, a mechanism, a service, bulk; and what no policy is.
    let flavours: [UInt32] = [0x1, 0x2, 0x10, 0x202, 0x1000, 0x10000, 0xFFFFF, 0x300_0001]
    for rawValue in flavours {
      var message = scene.connect(target)
      message.header.flavor = SecurityFlavor(rawValue: rawValue)
      #expect(scene.answer(message) == nil, "a CONNECT in flavour \(rawValue)")
      var ping = FuzzedMessage(.ping, message.portal)
      ping.header.flavor = SecurityFlavor(rawValue: rawValue)
      ping.body.handle = connected.handle
      ping.body.connectionCount = 1
      #expect(scene.answer(ping) == nil, "a ping in flavour \(rawValue)")
    }
    #expect(scene.rpc.requestsSecured == before + 2 * UInt64(flavours.count))
    #expect(scene.exportCount == exports)
    #expect(scene.ask(connected.handle, .ping, scene.connect(target).portal)?.status == 0)
    scene.expectNoHarm()
  }

  @Test(
    "10 §7: a client that says to be another part of the file system than at first",
    arguments: RawScene.Target.allCases)
  func parts(target: RawScene.Target) throws {
    let scene = try RawScene()
    var message = scene.connect(target)
    message.header.flavor = .null(.mdt)
    let connected = try #require(scene.answer(message))
    #expect(connected.status == 0)
    let before = scene.counters.connectsRefused
    message.body.connectionCount = 2
    message.body.handle = connected.handle
    message.body.connectFlags = []
    message.header.flavor = .null(.ost)
    let refusal = scene.answer(message)
    #expect(refusal?.status == WireErrno.eacces.status && refusal?.type == .reply)
    #expect(refusal?.handle == Cookie.none)
    #expect(scene.counters.connectsRefused == before + 1)
    // Its connection has ended with that (11 §5 row 31).
    let ping = scene.ask(connected.handle, .ping, message.portal)
    #expect(ping?.status == WireErrno.enotconn.status)
    scene.expectNoHarm()
  }

  // MARK: - Flags

  @Test(
    "11 §4.3: flags that no role of ours offers, and those that nobody has defined",
    arguments: RawScene.Target.allCases)
  func flagsNeverOffered(target: RawScene.Target) throws {
    let scene = try RawScene()
    let kinds: [TargetKind] = [.mgs, .mdt, .ost]
    let roles: [ImportRole] = [.mgc, .mdc, .osc]
    let kind = kinds[target.rawValue]
    let offer = Proposal(role: roles[target.rawValue]).first
    // One at a time, and all together: what the target does not know is not granted, and nothing else changes.
    let strange = (0..<64).filter { !kind.supported.contains(ConnectFlags(rawValue: 1 << $0)) }
    let strange2 = (0..<64).filter { !kind.supported2.contains(ConnectFlags2(rawValue: 1 << $0)) }
    #expect(strange.count > 8 && strange2.count > 30)
    var offers = strange.map { (ConnectFlags(rawValue: 1 << UInt64($0)), ConnectFlags2()) }
    offers += strange2.map { (ConnectFlags(), ConnectFlags2(rawValue: 1 << UInt64($0))) }
    offers.append(
      (
        ConnectFlags(rawValue: ~kind.supported.rawValue),
        ConnectFlags2(rawValue: ~kind.supported2.rawValue)
      ))
    let plain = try #require(scene.answer(scene.connect(target))?.granted)
    for (flags, flags2) in offers {
      var asked = offer
      asked.flags.formUnion(flags)
      asked.flags2.formUnion(flags2)
      var message = scene.connect(target)
      message.buffers[3] = asked.encoded
      let answer = scene.answer(message)
      #expect(answer?.status == 0)
      #expect(answer?.granted?.flags == plain.flags && answer?.granted?.flags2 == plain.flags2)
      // So that there is always a place for the next one.
      let opcodes: [Opcode] = [.mgsDisconnect, .mdsDisconnect, .ostDisconnect]
      let end = scene.ask(answer?.handle ?? .none, opcodes[target.rawValue], message.portal)
      #expect(end?.status == 0)
    }
    scene.expectNoHarm()
  }

  @Test(
    "11 §4: without the second word's flag its features are not granted, and no other that was not asked for",
    arguments: RawScene.Target.allCases)
  func flagsThatWereNotAsked(target: RawScene.Target) throws {
    let scene = try RawScene()
    let roles: [ImportRole] = [.mgc, .mdc, .osc]
    var asked = Proposal(role: roles[target.rawValue]).first
    asked.flags.remove(.secondFlags)
    var message = scene.connect(target)
    message.buffers[3] = asked.encoded
    let granted = try #require(scene.answer(message)?.granted)
    #expect(granted.flags.isSubset(of: asked.flags) && granted.flags2.isEmpty)
    // No more than must be there.
    asked.flags = [.full20, .fid]
    message = scene.connect(target)
    message.buffers[3] = asked.encoded
    let least = try #require(scene.answer(message)?.granted)
    #expect(least.flags.isSubset(of: asked.flags) && least.flags2.isEmpty)
    scene.expectNoHarm()
  }
}
