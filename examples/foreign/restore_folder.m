function restore_folder(source, target, method)
% Restore every PNG of one folder into another: what TOML files here call in MATLAB.
%
% source, target: the folders
% method: name of a function of yours, restored = method(blurred, kernel_size), RGB in [0, 1] of type double, that calls
%     the authors' code. kernel_size is in the names of a set's images (face_ker01_k13.png), otherwise empty.
%
% An image that fails is reported and left out.
images = dir(fullfile(source, '*.png'));
restored = 0;
for at = 1:numel(images)
    name = images(at).name;
    found = regexp(name, '_k(\d+)\.png$', 'tokens', 'once');
    kernel_size = [];
    if ~isempty(found)
        kernel_size = str2double(found{1});
    end
    try
        blurred = im2double(imread(fullfile(source, name)));
        imwrite(im2uint8(feval(method, blurred, kernel_size)), fullfile(target, name));
        restored = restored + 1;
    catch problem
        fprintf(2, '%s: %s\n', name, problem.message);
    end
end
if restored == 0 && ~isempty(images)
    error('%s restored none of %d images', method, numel(images));
end
end
