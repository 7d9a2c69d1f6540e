// Support: asks tshark for fields, and compares them with ours.

import Capture
import Foundation
import Testing

enum Tshark {
  static let path = ["/usr/bin/tshark", "/usr/local/bin/tshark"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }

  /// The fields that both name alike. NIDs, stamps and structures are shown in other forms.
  static let fields =
    [
      "lnet.ib.magic", "lnet.ib.version", "lnet.ib.type", "lnet.ib.credits", "lnet.ib.nob",
      "lnet.dest_pid", "lnet.src_pid", "lnet.msg_type", "lnet.payload_length",
      "lnet.msg_dst_interface_cookie", "lnet.msg_dst_object_cookie", "lnet.msg_dst_match_bits",
      "lnet.msg_length", "lnet.msg_hdr_data", "lnet.ptl_index", "lnet.offset", "lnet.src_offset",
      "lnet.sink_length", "lnet.connparam.qdepth", "lnet.connparam.max_frags",
      "lnet.connparam.max_size", "lnet.o2ib.cookie", "lnet.o2ib.src_cookie",
      "lnet.o2ib.dest_cookie", "lnet.o2ib.status", "lnet.rdma.key", "lnet.rdma.nfrags",
      "lnet.rdma_frag.size", "lnet.rdma_frag.addr",
    ] + rpcFields

  /// Fields of RPCs.
  static let rpcFields =
    [
      "lm_bufcount", "lm_secflvr", "lm_magic", "lm_repsize", "lm_cksum", "lm_flags",
    ].map { "lustre.lustre_msg_v2." + $0 }
    + [
      "pb_type", "pb_opc", "pb_status", "pb_last_xid", "pb_last_committed", "pb_transno",
      "pb_flags", "pb_op_flags", "pb_conn_cnt", "pb_timeout", "pb_service_time", "pb_limit",
      "pb_slv", "pb_pre_version",
    ].map { "lustre.ptlrpc_body." + $0 }
    + [
      "ocd_connect_flags", "ocd_grant", "ocd_index", "ocd_brw_size", "ocd_ibits_known",
      "grant_blkbits", "grant_inobits", "grant_tax_kb", "grant_max_blks", "ocd_transno",
      "ocd_group", "ocd_cksum_types", "ocd_max_easize", "ocd_instance", "ocd_maxbytes",
      "ocd_maxmodrpcs", "ocd_connect_flags2",
    ].map { "lustre.obd_connect_data." + $0 }

  /// What tshark says of a frame.
  struct Row {
    var frame: Int
    var opcode: UInt64
    var isMalformed: Bool
    /// Receiver, queue pair and sequence number: the same for a packet that was sent again.
    var packet: String
    var values: [String: [Substring]]
  }

  /// All RoCE frames of a file.
  static func rows(_ file: String) throws -> [Row] {
    let path = try #require(path)
    let names =
      ["frame.number", "infiniband.bth.opcode", "_ws.malformed", "ip.dst"]
      + ["infiniband.bth.destqp", "infiniband.bth.psn", "lnet.nid.addr"] + fields
    let process = Process()
    process.executableURL = URL(filePath: path)
    process.arguments =
      ["-n", "-r", file, "-Y", "infiniband", "-T", "fields", "-E", "occurrence=a"]
      + ["-E", "aggregator=|"] + names.flatMap { ["-e", $0] }
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return text.split(separator: "\n").map { line in
      let columns = line.split(separator: "\t", omittingEmptySubsequences: false)
      let lists = columns.map { $0.split(separator: "|") }
      return Row(
        frame: Int(columns[0]) ?? 0, opcode: number(columns[1]) ?? .max,
        isMalformed: !columns[2].isEmpty, packet: columns[3...5].joined(separator: " "),
        values: Dictionary(uniqueKeysWithValues: zip(names.dropFirst(6), lists.dropFirst(6))))
    }
  }

  /// The number of a decimal, hexadecimal or negative text.
  static func number(_ text: some StringProtocol) -> UInt64? {
    if text.hasPrefix("0x") { return UInt64(text.dropFirst(2), radix: 16) }
    return UInt64(text) ?? Int64(text).map { UInt64(bitPattern: $0) }
  }

  /// Whether tshark took the payload for an RPC; on some portals it does not.
  static func isRPC(_ row: Row) -> Bool {
    !(row.values["lustre.lustre_msg_v2.lm_bufcount"] ?? []).isEmpty
  }

  /// Where tshark's values are not ours, as words; tshark 4.0's known gaps left out.
  static func differences(_ message: DecodedMessage, _ row: Row) -> [String] {
    func ours(_ name: String) -> [String] {
      message.fields.filter { $0.name == name }.map(\.value)
    }
    let isAck = ours("lnet.msg_type") == ["0"]
    let hasRPC = isRPC(row)
    var result: [String] = []
    for name in fields {
      // tshark reads cookie and descriptor of a GET_REQ 4 bytes early.
      if message.name == "GET_REQ", name.hasPrefix("lnet.o2ib") || name.hasPrefix("lnet.rdma") {
        continue
      }
      if name.hasPrefix("lustre."), !hasRPC { continue }
      var mine = ours(name).map { number($0) }
      // tshark prints the cookies of an ACK byte-swapped.
      if isAck, name.hasSuffix("_cookie") { mine = mine.map { $0?.byteSwapped } }
      let theirs = (row.values[name] ?? []).map { number($0) }
      // Payloads may have fields of the same names behind the header's.
      if Array(theirs.prefix(mine.count)) != mine || (mine.isEmpty && !theirs.isEmpty) {
        result.append("frame \(row.frame) \(message.name) \(name): \(mine) != \(theirs)")
      }
    }
    let nids = message.fields.filter { $0.name == "lnet.src_nid" || $0.name == "lnet.dest_nid" }
      .map { $0.value.split(separator: "@")[0] }
    let theirs = row.values["lnet.nid.addr"] ?? []
    if Array(theirs.prefix(nids.count)) != nids {
      result.append("frame \(row.frame) \(message.name) NIDs: \(nids) != \(theirs)")
    }
    return result
  }
}
