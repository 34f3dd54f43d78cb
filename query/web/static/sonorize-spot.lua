-- Inserts what was spotted on the page of sonorize at the edit cursor, on the selected track.
-- It asks once for the project folder, and then inserts what was written there since the last run.

local SECTION, LIST = "sonorize", "sonorize-spotted.txt"
local _, project = reaper.EnumProjects(-1)

local function folder_of_list()
  local kept = reaper.GetExtState(SECTION, "folder:" .. project)
  if kept ~= "" then return kept end
  local given, answer = reaper.GetUserInputs("sonorize", 1, "Folder that you spot into:,extrawidth=300", "")
  if not given or answer == "" then return nil end
  answer = answer:gsub("[/\\\\]+$", "")
  reaper.SetExtState(SECTION, "folder:" .. project, answer, true)
  return answer
end

local function names_in(path)
  local names, file = {}, io.open(path, "r")
  if not file then return names end
  for name in file:lines() do
    if name ~= "" then names[#names + 1] = name end
  end
  file:close()
  return names
end

local folder = folder_of_list()
if not folder then return end
local separator = package.config:sub(1, 1)
local names = names_in(folder .. separator .. LIST)
local key = "seen:" .. folder
local seen = tonumber(reaper.GetExtState(SECTION, key)) or math.max(0, #names - 1)
if seen > #names then seen = 0 end
if seen == #names then
  reaper.SetExtState(SECTION, "folder:" .. project, "", true) -- asked anew, in case it was mistyped
  reaper.ShowMessageBox("Nothing new was spotted into " .. folder .. ".", "sonorize", 0)
  return
end

-- A line is a name, or a name, where a region begins in that file, and how long it is (seconds).
local function insert(line)
  local name, from, length = line:match("^([^\t]+)\t([%d.]+)\t([%d.]+)$")
  local at = reaper.GetCursorPosition()
  reaper.InsertMedia(folder .. separator .. (name or line), 0)
  local item = name and reaper.GetSelectedMediaItem(0, 0)
  if not item then return end
  reaper.SetMediaItemTakeInfo_Value(reaper.GetActiveTake(item), "D_STARTOFFS", tonumber(from))
  reaper.SetMediaItemInfo_Value(item, "D_LENGTH", tonumber(length))
  reaper.SetEditCurPos(at + tonumber(length), true, false)
end

reaper.Undo_BeginBlock()
for index = seen + 1, #names do
  insert(names[index])
end
reaper.UpdateArrange()
reaper.Undo_EndBlock("Insert spotted sounds", -1)
reaper.SetExtState(SECTION, key, tostring(#names), true)
