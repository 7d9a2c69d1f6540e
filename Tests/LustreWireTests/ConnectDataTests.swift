// Property: connect data of any length and byte order decodes as a server reads it; bad ones are typed errors; flags,
// opcodes and errnos print as the real tools print them.
// Method: hand-made messages, every length of the struct; flag lists copied from outputs of real nodes.

import LustreWire
import Testing

@Suite struct ConnectDataTests {
  /// A CONNECT whose buffers 1...n are `contents`.
  static func message(_ contents: [[UInt8]]) -> [UInt8] {
    let total = contents.reduce(RPCMessage.headerByteCount(buffers: contents.count + 1) + 184) {
      $0 + RPCMessage.padded($1.count)
    }
    var result = [UInt8](repeating: 0, count: total)
    result.withMutableRawSpan { output in
      var encoder = RPCMessageEncoder(
        RPCHeader(), bufferCount: contents.count + 1, into: &output)
      encoder.add(RPCBody(request: .mdsConnect), into: &output)
      for content in contents {
        let offset = encoder.add(length: content.count, into: &output)
        for (index, byte) in content.enumerated() {
          output.storeNative(byte, at: offset + index)
        }
      }
    }
    return result
  }

  static func name(_ text: String, padded count: Int = 39) -> [UInt8] {
    let bytes = Array(text.utf8)
    return bytes + [UInt8](repeating: 0, count: max(0, count - bytes.count))
  }

  static func request(_ contents: [[UInt8]]) throws(WireError) -> ConnectRequest {
    let bytes = message(contents)
    return try ConnectRequest(RPCMessage(decoding: bytes.rawBytes), in: bytes.rawBytes)
  }

  static func failure(_ contents: [[UInt8]]) -> WireError? {
    do throws(WireError) {
      _ = try request(contents)
      return nil
    } catch { return error }
  }

  static let handle: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
  static let names = [name("fs-MDT0000_UUID"), name("client")]

  @Test func shortStructsAreZeroBehindTheirEnd() throws {
    let full = (0..<192).map { UInt8($0 % 95 + 1) }
    for length in 1...192 {
      let given = try Self.request(Self.names + [Self.handle, Array(full[..<length])])
      var filled = Array(full[..<length])
      filled += [UInt8](repeating: 0, count: 192 - length)
      #expect(given == (try Self.request(Self.names + [Self.handle, filled])), "\(length)")
    }
  }

  @Test func longStructsLoseTheirEnd() throws {
    let longest = [UInt8](repeating: 7, count: ConnectData.maximumByteCount)
    let long = try Self.request(Self.names + [Self.handle, longest])
    #expect(long == (try Self.request(Self.names + [Self.handle, Array(longest[..<192])])))
    #expect(
      Self.failure(Self.names + [Self.handle, longest + [7]])
        == .illegalLength(.connectData, length: 1537))
    #expect(
      Self.failure(Self.names + [Self.handle, []]) == .illegalLength(.connectData, length: 0))
  }

  @Test func missingBuffers() {
    let whole = Self.names + [Self.handle, [UInt8](repeating: 0, count: 192)]
    for count in 0..<4 {
      #expect(
        Self.failure(Array(whole[..<count]))
          == .missingBuffer(index: UInt8(count + 1), of: UInt8(count + 1)))
    }
    #expect(Self.failure(whole) == nil)
    var short = whole
    short[2] = Array(Self.handle.dropLast())
    #expect(Self.failure(short) == .truncated(.cookie, needed: 8, available: 7))
  }

  @Test func names() throws {
    let rest = [Self.handle, [UInt8](repeating: 0, count: 192)]
    func failure(_ target: [UInt8]) -> WireError? {
      Self.failure([target, Self.names[1]] + rest)
    }
    let longest = String(repeating: "x", count: 38)
    #expect(failure(Self.name(longest)) == nil)
    #expect(failure(Self.name(longest + "x")) == .unterminated(.targetUUID))
    #expect(failure(Self.name(longest + "x", padded: 40)) == nil)
    #expect(failure(Self.name(longest + "xx", padded: 60)) == .unterminated(.targetUUID))
    #expect(
      failure(Self.name("x", padded: 38)) == .truncated(.targetUUID, needed: 39, available: 38))
    #expect(
      Self.failure([Self.names[0], [UInt8](repeating: 65, count: 39)] + rest)
        == .unterminated(.clientUUID))
    #expect(ObdUUID(longest)?.description == longest)
    #expect(ObdUUID(longest + "x") == nil)
    #expect(ObdUUID("a\0b") == nil)
    #expect(ObdUUID("")?.isEmpty == true)
    // What follows the first NUL does not count.
    let dirty = try Self.request([Self.name("a\0rest"), Self.names[1]] + rest)
    #expect(dirty.target == ObdUUID("a"))
  }

  @Test func otherByteOrder() throws {
    let bytes = RPCVectors.example("OST_CONNECT request")
    let ours = try buffer(4, of: bytes)
    var theirs = ours
    let fields = [
      (0, 8), (8, 4), (12, 4), (16, 4), (20, 4), (24, 8), (34, 2), (36, 4), (40, 8), (48, 4),
      (52, 4), (56, 4), (60, 4), (64, 8), (72, 2), (80, 8), (88, 8),
    ]
    for (offset, size) in fields {
      theirs.replaceSubrange(
        offset..<offset + size, with: ours[offset..<offset + size].reversed())
    }
    #expect(
      try ConnectData(decoding: theirs.rawBytes, swapped: true)
        == ConnectData(decoding: ours.rawBytes))
  }

  /// Words and lists as real nodes print them for their imports.
  static let printed: [(UInt64, UInt64, String)] = [
    (
      0xA000_0110_0100_2060, 0x1_0010_0000,
      """
      version, mgs_nidlist, barrier, adaptive_timeouts, full20, imp_recov, bulk_mbits, \
      second_flags, reply_mbits, large_nid
      """
    ),
    (
      0xA042_5AF2_E344_0038, 0x4_0014_8202,
      """
      write_grant, server_lock, version, max_byte_per_rpc, early_lock_cancel, adaptive_timeouts, \
      lru_resize, alt_checksum_algorithm, fid_is_enabled, version_recovery, grant_shrink, full20, \
      layout_lock, 64bithash, object_max_bytes, jobstats, einprogress, grant_param, lvb_type, \
      short_io, lfsck, bulk_mbits, second_flags, lockaheadv2, increasing_xid, client_encryption, \
      lseek, reply_mbits, unaligned_dio
      """
    ),
    (
      0xAE7A_5E7B_E344_D2B8, 0x24_6CDE_FFBD,
      """
      write_grant, server_lock, version, acl, create_on_write, inode_bit_locks, getattr_by_fid, \
      no_oh_for_devices, max_byte_per_rpc, early_lock_cancel, adaptive_timeouts, lru_resize, \
      alt_checksum_algorithm, fid_is_enabled, version_recovery, pools, grant_shrink, large_ea, \
      full20, layout_lock, 64bithash, jobstats, umask, einprogress, grant_param, lvb_type, \
      short_io, flock_deadlock, disp_stripe, open_by_fid, lfsck, multi_mod_rpcs, dir_stripe, \
      subtree, bulk_mbits, second_flags, file_secctx, dir_migrate, sum_statfs, overstriping, flr, \
      lock_convert, archive_id_array, increasing_xid, selinux_policy, lsom, pcc, crush, \
      async_discard, client_encryption, getattr_pfid, lseek, dom_lvb, reply_mbits, batch_rpc, \
      pcc_ro, atomic_open_lock, name_encryption, dmv_imp_inherit, encryption_fid2path, \
      unaligned_dio, mirror_id_fix
      """
    ),
    (
      0x2041_4010_4700_0020, 0,
      """
      version, adaptive_timeouts, lru_resize, mds_mds_connection, fid_is_enabled, full20, \
      lvb_type, lightweight_conn, lfsck, bulk_mbits
      """
    ),
    (0x80_0000_0000_0000, 0xFF, "unknown_0x80000000000000"),
  ]

  @Test(arguments: printed)
  func flagNames(first: UInt64, second: UInt64, expected: String) {
    let names = ConnectFlags(rawValue: first).names(with: ConnectFlags2(rawValue: second))
    #expect(names.joined(separator: ", ") == expected)
  }

  @Test func versionsOpcodesErrnos() {
    #expect(LustreVersion(rawValue: 0x0211_0000).description == "2.17.0.0")
    #expect(LustreVersion.current > LustreVersion(2, 16, 255, 255))
    #expect(Opcode.ping.description == "OBD_PING" && Opcode.ping.rawValue == 400)
    #expect(Opcode(rawValue: 11).description == "opcode 11" && !Opcode(rawValue: 11).isKnown)
    #expect(Opcode.known.count == Set(Opcode.known.map { "\($0)" }).count)
    #expect(Opcode.known.allSatisfy { $0.service.name != nil })
    #expect(WireErrno.enotconn.status == -107)
    #expect(WireErrno(status: -107) == .enotconn)
    #expect(WireErrno(status: 0) == nil && WireErrno(status: .min) == nil)
    #expect(WireErrno.describe(status: -107) == "-107 (ENOTCONN)")
    #expect(WireErrno.describe(status: 301) == "301")
    #expect(WireErrno.describe(status: -9999) == "-9999")
  }
}
