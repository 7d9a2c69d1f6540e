internal import BasicContainers
internal import LNet
internal import LustreWire
internal import RDMATransport
internal import Structures

// The client's side of bulk: memory lies open, one entry for each operation (spec 13 §1, §3).
extension PtlRPC {
  /// Lays a request's bulk memory open; false when LNet or this room has no place for more now.
  mutating func layOpen(_ slot: Int, lnet: inout LNet, turn: inout Turn) -> Bool {
    guard let bulk = requests.cells[slot].draft.bulk else { return true }
    let cut = bulk.cut
    while requests.cells[slot].laidOpenCount < cut.count {
      let index = requests.cells[slot].laidOpenCount
      let range = cut.range(of: index)
      guard let cell = takeCell(owner: slot, length: range.count) else { return false }
      let entry = MatchEntry(
        portal: bulk.portal, matchBits: requests.cells[slot].firstMatchBits &+ UInt64(index),
        nid: requests.cells[slot].route.server.nid, pid: requests.cells[slot].route.server.pid)
      let descriptor = MemoryDescriptor(
        memory: bulk.memory.part(offset: range.lowerBound, length: range.count),
        options: bulk.direction == .source ? .get : .put, threshold: 1,
        tag: RPCTag(.clientBulk, cell).raw)
      do throws(LNetError) {
        cells.cells[cell].descriptor = try lnet.expose(entry, descriptor, turn: &turn)
      } catch {
        cells.give(cell)
        return false
      }
      append(cell, to: slot)
    }
    return true
  }

  private mutating func append(_ cell: Int, to slot: Int) {
    if requests.cells[slot].lastCell == noCell {
      requests.cells[slot].firstCell = UInt32(cell)
    } else {
      cells.cells[Int(requests.cells[slot].lastCell)].next = UInt32(cell)
    }
    requests.cells[slot].lastCell = UInt32(cell)
    requests.cells[slot].laidOpenCount += 1
    requests.cells[slot].liveBulkCount += 1
  }

  /// The server has read from or written to a part of the memory, or the part was taken back.
  mutating func clientBulkMoved(_ cell: Int, _ event: LNetEvent, turn: inout Turn) {
    let slot = Int(cells[cell].owner)
    switch event.kind {
    case .put, .get:
      if event.status == 0 {
        requests.cells[slot].bulkByteCount += UInt64(event.movedLength)
        counters.bulkBytes += UInt64(event.movedLength)
      } else {
        requests.cells[slot].bulkStatus = event.status
        counters.bulkFailures += 1
      }
      counters.bulkOperations += 1
    case .reply, .acknowledge, .send, .unlink, .pinged, .discovered: break
    }
    guard event.isUnlinked else { return }
    cells.cells[cell].descriptor = .none
    requests.cells[slot].liveBulkCount -= 1
    if requests.cells[slot].liveBulkCount == 0, requests.cells[slot].state == .active {
      finishIfComplete(slot, turn: &turn)
    }
    gone(slot)
  }

  // MARK: - Cells, for both sides

  mutating func takeCell(owner: Int, length: Int) -> Int? {
    guard let cell = cells.take() else { return nil }
    cells.cells[cell] = BulkCell(owner: UInt32(owner), length: UInt32(length))
    return cell
  }

  /// Gives back the cells of a request of ours that has nothing on the wire.
  mutating func freeCells(_ slot: Int) {
    freeCells(from: requests.cells[slot].firstCell)
    requests.cells[slot].firstCell = noCell
    requests.cells[slot].lastCell = noCell
    requests.cells[slot].laidOpenCount = 0
  }

  mutating func freeCells(from first: UInt32) {
    var cell = first
    while cell != noCell {
      let next = cells[Int(cell)].next
      cells.give(Int(cell))
      cell = next
    }
  }
}
