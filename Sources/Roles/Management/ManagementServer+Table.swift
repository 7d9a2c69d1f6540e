internal import Connections
internal import LustreWire
internal import NodeCore
internal import PtlRPC
internal import RDMATransport

/// A table on its way to a reader.
struct TableTransfer {
  let request: ServerRequestHandle
  let export: ExportHandle
  let memory: BufferRef
  let reply: ConfigReadReply
}

// Reading of the table of NIDs (spec 11 §14).
extension ManagementServer {
  mutating func serveTable(
    _ request: ServerRequestHandle, _ received: ReceivedRequest, _ export: ExportHandle,
    _ node: inout NodeCore
  ) {
    guard let asked: ConfigReadRequest = value(1, of: received, request, &node) else { return }
    var part = ManagedFileSystem.TablePart(bytes: [], reply: ConfigReadReply())
    let name = asked.name.description
    let isSound =
      (12...16).contains(asked.unitBits) && (1...256).contains(asked.units)
      && (asked.nidByteCount == 0 || asked.nidByteCount == UInt8(LargeNID.byteCount))
    switch ConfigurationLock(rawValue: asked.type) {
    case .recovery:
      let suffixes = ["-cliir", "-mdtir"]
      guard isSound, let suffix = suffixes.first(where: { name.hasSuffix($0) }) else {
        counters.malformed += 1
        return node.rpc.refuse(request, .einval, turn: &node.turn)
      }
      if let place = place(of: String(name.dropLast(suffix.utf8.count))) {
        part = fileSystems[place].table(
          from: asked.offset, hasLargeNIDs: asked.nidByteCount != 0,
          unit: 1 << Int(asked.unitBits), units: Int(asked.units))
      }
    case .nodeMap:
      guard isSound, name == "nodemap" else {
        counters.malformed += 1
        return node.rpc.refuse(request, .einval, turn: &node.turn)
      }
      part = DefaultNodeMap.part
    // Configuration is read as logs.
    case .configuration, .security, .parameters, .barrier, nil:
      counters.unsupported += 1
      return node.rpc.refuse(request, .eopnotsupp, turn: &node.turn)
    }
    guard
      let memory = node.turn.memory.bulk.allocateRun(byteCount: max(part.bytes.count, 1))
    else { return node.rpc.refuse(request, .einprogress, turn: &node.turn) }
    var bytes = node.turn.memory.mutableBytes(memory)
    bytes.copy(from: part.bytes.rawBytes)
    counters.tablesRead += 1
    // Even without news something goes: no bytes (spec 11 §14).
    let data = memory.part(offset: 0, length: part.bytes.count)
    do throws(TransferError) {
      try node.rpc.transfer(
        request, TransferDescription(.put, portal: .mgsBulk, memory: data), turn: &node.turn)
      transfers.append(
        TableTransfer(request: request, export: export, memory: memory, reply: part.reply))
    } catch {
      node.turn.memory.release(memory)
      refuseMalformed(request, &node)
    }
  }

  mutating func transferred(
    _ request: ServerRequestHandle, _ status: Int32, _ node: inout NodeCore
  ) {
    guard let place = transfers.firstIndex(where: { $0.request == request }) else { return }
    let transfer = transfers.remove(at: place)
    node.turn.memory.release(transfer.memory)
    // Who did not get the table asks again (spec 13 §5.6).
    guard status == 0 else { return node.rpc.drop(request, turn: &node.turn) }
    reply(request, transfer.export, transfer.reply, &node)
  }
}
