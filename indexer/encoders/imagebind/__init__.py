"""ImageBind (Girdhar et al., CVPR 2023): pictures, words and sounds in one space."""
